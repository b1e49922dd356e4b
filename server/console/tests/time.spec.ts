import { describe, expect, it } from 'vitest'
import { clockOf, dayAfter, dayOf, fullStampOf, instantOf, spanOf, stampOf, windowOf } from '@/lib/time'

/** 2026-11-23 09:05:07 in Beijing. */
const morning = Date.UTC(2026, 10, 23, 1, 5, 7)

describe('times are Beijing\'s, wherever the browser stands', () => {
  it('reads an instant', () => {
    expect(dayOf(morning)).toBe('2026-11-23')
    expect(clockOf(morning)).toBe('09:05')
    expect(fullStampOf(morning)).toBe('2026-11-23 09:05:07')
    expect(dayOf(Date.UTC(2026, 10, 22, 16, 0))).toBe('2026-11-23')
    expect(dayOf(Date.UTC(2026, 10, 22, 15, 59))).toBe('2026-11-22')
  })

  it('leaves the year out only of this year', () => {
    expect(stampOf(morning, morning)).toBe('11-23 09:05')
    expect(stampOf(morning, Date.UTC(2027, 0, 2))).toBe('2026-11-23 09:05')
  })

  it('makes an instant of a day and a clock, and nothing of less', () => {
    expect(instantOf('2026-11-23', '09:05')).toBe(morning - 7000)
    expect(instantOf('2026-11-23', '09:05:59')).toBe(morning - 7000)
    expect(instantOf('', '09:05')).toBeUndefined()
    expect(instantOf('2026-11-23', '')).toBeUndefined()
    expect(instantOf('2026-13-40', '09:05')).toBeUndefined()
  })

  it('shows a window with its day unless that is today, and both days when it goes past midnight', () => {
    const window = { from_ms: morning, until_ms: morning + 2 * 3_600_000 }
    expect(windowOf(window, '2026-11-23')).toBe('09:05–11:05')
    expect(windowOf(window)).toBe('11-23 09:05–11:05')
    expect(windowOf({ from_ms: morning, until_ms: morning + 24 * 3_600_000 }, '2026-11-23')).toBe('09:05–11-24 09:05')
  })

  it('goes to the next day over the end of a month', () => {
    expect(dayAfter('2026-11-30', 1)).toBe('2026-12-01')
    expect(dayAfter('2027-01-01', -1)).toBe('2026-12-31')
  })

  it('says a span in one unit', () => {
    expect(spanOf(-1400)).toEqual({ unit: 'seconds', n: 1 })
    expect(spanOf(5 * 60_000)).toEqual({ unit: 'minutes', n: 5 })
    expect(spanOf(5 * 3_600_000)).toEqual({ unit: 'hours', n: 5 })
    expect(spanOf(3 * 365 * 86_400_000)).toEqual({ unit: 'days', n: 1095 })
  })
})
