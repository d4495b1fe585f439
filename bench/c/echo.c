/* Sends back every message that comes at descriptor 3: the floor of a round trip, without Node. */
#include <sys/socket.h>

int main(void) {
  static char message[4096];
  for (;;) {
    long length = recv(3, message, sizeof message, 0);
    if (length <= 0) return 0;
    if (send(3, message, length, MSG_NOSIGNAL) != length) return 1;
  }
}
