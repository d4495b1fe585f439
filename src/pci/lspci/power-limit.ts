/** Watts of a slot power limit (PCIe 6.0 section 7.5.3.9); above 239 W the unscaled values have meanings of their own. */
export function powerLimit(value: number, scale: number): string {
  if (scale === 0 && value === 0xff) return '>600W'
  const watts = scale === 0 && value >= 0xf0 ? 250 + 25 * (value - 0xf0) : value
  return `${Number((watts / 10 ** scale).toPrecision(6))}W`
}
