/** Integers with a unit, as text. The wire knows no fractions, so nothing here rounds. */

function scaled(value: number, places: number): string {
  const digits = String(Math.abs(value)).padStart(places + 1, '0')
  const sign = value < 0 ? '−' : ''
  return places === 0 ? sign + digits : `${sign}${digits.slice(0, -places)}.${digits.slice(-places)}`
}

/** Fen as `1,234.50`. */
export function yuan(fen: number): string {
  const text = scaled(fen, 2)
  const dot = text.length - 3
  return text.slice(0, dot).replace(/\B(?=(\d{3})+$)/g, ',') + text.slice(dot)
}

/** Tenths of a degree as `18.0`. */
export const degrees = (tenths: number) => scaled(tenths, 1)

/** Hundredths as `89.50`. */
export const hundredths = (value: number) => scaled(value, 2)

/** Thousandths as a quantity: `1`, `1.5`. */
export const quantity = (milli: number) => scaled(milli, 3).replace(/\.?0+$/, '')

/** A hash or an id as its first eight characters. */
export const short = (id: string) => id.slice(0, 8)

/** Bytes as `1.4 MB`. */
export function bytes(n: number): string {
  if (n < 1000) return `${n} B`
  if (n < 1_000_000) return `${(n / 1000).toFixed(0)} kB`
  return `${(n / 1_000_000).toFixed(1)} MB`
}
