/*
 * Maps memory for a device, as a VMM in C would: the same ioctls as Quiesce makes, and nothing around them.
 *
 *   map-memory type1 /dev/vfio/<group>
 *   map-memory iommufd /dev/vfio/devices/vfio<N>
 *
 * Descriptor 3 is the memory. Each line of input, "memory first size stride count", is one pass: `count` pieces of `size`
 * bytes from the IOVA `first` on, `stride` apart, taken from the first `memory` bytes over and over. They are all mapped, then
 * all unmapped; each pass prints the nanoseconds that both took. All numbers are decimal.
 */
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

static int iommu;
static uint32_t ioas;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int file(const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) fail(path);
  return fd;
}

static void open_type1(const char *path) {
  int group = file(path);
  iommu = file("/dev/vfio/vfio");
  if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &iommu) < 0) fail("VFIO_GROUP_SET_CONTAINER");
  if (ioctl(iommu, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0) fail("VFIO_SET_IOMMU");
}

static void open_iommufd(const char *path) {
  int device = file(path);
  iommu = file("/dev/iommu");
  struct vfio_device_bind_iommufd bind = {.argsz = sizeof bind, .iommufd = iommu};
  if (ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind) < 0) fail("VFIO_DEVICE_BIND_IOMMUFD");
  struct iommu_ioas_alloc alloc = {.size = sizeof alloc};
  if (ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc) < 0) fail("IOMMU_IOAS_ALLOC");
  ioas = alloc.out_ioas_id;
  struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof attach, .pt_id = ioas};
  if (ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) < 0) fail("VFIO_DEVICE_ATTACH_IOMMUFD_PT");
}

static void map(uint64_t address, uint64_t iova, uint64_t size) {
  if (ioas == 0) {
    struct vfio_iommu_type1_dma_map map = {.argsz = sizeof map,
                                           .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
                                           .vaddr = address,
                                           .iova = iova,
                                           .size = size};
    if (ioctl(iommu, VFIO_IOMMU_MAP_DMA, &map) < 0) fail("VFIO_IOMMU_MAP_DMA");
  } else {
    struct iommu_ioas_map map = {
        .size = sizeof map,
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
        .ioas_id = ioas,
        .user_va = address,
        .length = size,
        .iova = iova};
    if (ioctl(iommu, IOMMU_IOAS_MAP, &map) < 0) fail("IOMMU_IOAS_MAP");
  }
}

static void unmap(uint64_t iova, uint64_t size) {
  if (ioas == 0) {
    struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof unmap, .iova = iova, .size = size};
    if (ioctl(iommu, VFIO_IOMMU_UNMAP_DMA, &unmap) < 0) fail("VFIO_IOMMU_UNMAP_DMA");
  } else {
    struct iommu_ioas_unmap unmap = {.size = sizeof unmap, .ioas_id = ioas, .iova = iova, .length = size};
    if (ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap) < 0) fail("IOMMU_IOAS_UNMAP");
  }
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 3) return 64;
  if (strcmp(argv[1], "type1") == 0)
    open_type1(argv[2]);
  else
    open_iommufd(argv[2]);
  unsigned long memory, first, size, stride, count;
  uint64_t base = 0;
  while (scanf("%lu %lu %lu %lu %lu", &memory, &first, &size, &stride, &count) == 5) {
    if (base == 0) {
      void *at = mmap(NULL, memory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, 3, 0);
      if (at == MAP_FAILED) fail("mmap");
      base = (uint64_t)at;
    }
    uint64_t began = now();
    for (unsigned long i = 0; i < count; i++) map(base + i * size % memory, first + i * stride, size);
    uint64_t mapped = now();
    for (unsigned long i = 0; i < count; i++) unmap(first + i * stride, size);
    printf("%lu %lu\n", (unsigned long)(mapped - began), (unsigned long)(now() - mapped));
    fflush(stdout);
  }
  return 0;
}
