/** Instants are UTC milliseconds; people read them in Asia/Shanghai, which has no summer time: a fixed +08:00. */

const offset = 8 * 3_600_000
const two = (n: number) => String(n).padStart(2, '0')

/** The wall clock in Beijing, held in a Date's UTC fields. */
const beijing = (ms: number) => new Date(ms + offset)

/** `2026-11-23`. */
export function dayOf(ms: number): string {
  const at = beijing(ms)
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`
}

/** `09:05`. */
export function clockOf(ms: number): string {
  const at = beijing(ms)
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
}

/** `09:05:07`. */
export function secondsOf(ms: number): string {
  return `${clockOf(ms)}:${two(beijing(ms).getUTCSeconds())}`
}

/** `11-23 09:05`; with the year when it isn't `now`'s. */
export function stampOf(ms: number, now = Date.now()): string {
  const day = dayOf(ms)
  return `${day.slice(0, 4) === dayOf(now).slice(0, 4) ? day.slice(5) : day} ${clockOf(ms)}`
}

/** `2026-11-23 09:05:07`. */
export function fullStampOf(ms: number): string {
  return `${dayOf(ms)} ${secondsOf(ms)}`
}

/** `09:00–11:00`, with the day before it unless it is `today`. */
export function windowOf(window: { from_ms: number, until_ms: number }, today?: string): string {
  const day = dayOf(window.from_ms)
  const end = dayOf(window.until_ms) === day ? clockOf(window.until_ms) : `${dayOf(window.until_ms).slice(5)} ${clockOf(window.until_ms)}`
  const span = `${clockOf(window.from_ms)}–${end}`
  return day === today ? span : `${day.slice(5)} ${span}`
}

/** Beijing's `2026-11-23` and `09:05` as UTC milliseconds; nothing when either can't be read. */
export function instantOf(day: string, clock: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || !/^\d{2}:\d{2}/.test(clock)) return undefined
  const ms = Date.parse(`${day}T${clock.slice(0, 5)}:00Z`)
  return Number.isNaN(ms) ? undefined : ms - offset
}

/** The day `days` after `day`. */
export function dayAfter(day: string, days: number): string {
  const ms = instantOf(day, '00:00')
  return ms === undefined ? day : dayOf(ms + days * 86_400_000)
}

/** A span in the largest two units that matter, as parts for a catalogue: `{ unit: 'minutes', n: 5 }`. */
export function spanOf(ms: number): { unit: 'seconds' | 'minutes' | 'hours' | 'days', n: number } {
  const seconds = Math.round(Math.abs(ms) / 1000)
  if (seconds < 120) return { unit: 'seconds', n: seconds }
  if (seconds < 2 * 3600) return { unit: 'minutes', n: Math.round(seconds / 60) }
  if (seconds < 48 * 3600) return { unit: 'hours', n: Math.round(seconds / 3600) }
  return { unit: 'days', n: Math.round(seconds / 86_400) }
}
