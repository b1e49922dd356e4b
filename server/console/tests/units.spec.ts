import { expect, it } from 'vitest'
import { bytes, degrees, quantity, yuan } from '@/lib/units'

it('shows integers with their unit and never rounds', () => {
  expect(yuan(0)).toBe('0.00')
  expect(yuan(5)).toBe('0.05')
  expect(yuan(123_456_789)).toBe('1,234,567.89')
  expect(yuan(-1999)).toBe('−19.99')
  expect(degrees(183)).toBe('18.3')
  expect(degrees(-5)).toBe('−0.5')
  expect(quantity(1000)).toBe('1')
  expect(quantity(1500)).toBe('1.5')
  expect(quantity(25)).toBe('0.025')
  expect(bytes(999)).toBe('999 B')
  expect(bytes(1_400_000)).toBe('1.4 MB')
})
