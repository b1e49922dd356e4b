/** What an event says, field by field, made readable: units, times, names; what only machines compare stays short. */
import type { Schema } from '@/api/types'
import { stampOf, windowOf } from './time'
import { degrees, short, yuan } from './units'

/** One field: its key in the catalogue, and either a text as it is or a word of the catalogue. */
export interface Readable {
  key: string
  text?: string
  word?: string
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const hash = /^[0-9a-f]{60,64}$/
const tenths = new Set(['agreed', 'value', 'outdoor'])
const fen = new Set(['tax', 'total', 'amount'])
/** Shown elsewhere on the page, or of no use to a reader. */
const hidden = new Set(['household', 'room.key', 'room.kind', 'public_key'])

/** The fields in their order; `names` gives ids of people their names. */
export function readable(details: readonly Schema<'DetailView'>[], names: ReadonlyMap<string, string>): Readable[] {
  const values = new Map(details.map(({ key, value }) => [key, value]))
  const found: Readable[] = []
  for (const { key, value } of details) {
    const parts = key.split('.')
    const last = parts.at(-1) ?? key
    const group = parts.slice(0, -1).join('.')
    if (hidden.has(key)) continue
    if (last === 'until' && values.has(`${group}.from`)) continue
    if (last === 'from' && values.has(`${group}.until`)) {
      const window = { from_ms: Number(value), until_ms: Number(values.get(`${group}.until`)) }
      found.push({ key: parts.at(-2) ?? 'window', text: windowOf(window) })
    } else if (group === 'place.fix') {
      if (last === 'lat_e7') found.push({ key: 'place', text: fix(values) })
    } else if (parts[0] === 'purpose' && parts.length > 1) {
      found.push({ key: 'purpose', word: `purpose.${parts[1]}` })
      if (parts.length > 2) found.push({ key: last, text: value })
    } else {
      found.push({ key: last, ...one(last, value, names) })
    }
  }
  return found
}

function one(key: string, value: string, names: ReadonlyMap<string, string>): Omit<Readable, 'key'> {
  if (uuid.test(value)) return { text: names.get(value) ?? short(value) }
  if (hash.test(value)) return { text: short(value) }
  if (/^-?\d+$/.test(value)) {
    if (tenths.has(key)) return { text: `${degrees(Number(value))} °C` }
    if (fen.has(key)) return { text: `¥${yuan(Number(value))}` }
    if (key === 'at' || key.endsWith('_at')) return { text: stampOf(Number(value)) }
    return { text: value }
  }
  if (key === 'room' || key === 'item') return { text: value }
  return /^\w+$/.test(value) ? { text: value, word: key === 'purpose' ? `purpose.${value}` : `value.${value}` } : { text: value }
}

/** A fix as a person reads it: degrees, how exact, in which datum. */
function fix(values: ReadonlyMap<string, string>): string {
  const at = (key: string) => values.get(`place.fix.${key}`) ?? ''
  const coordinate = (e7: string) => (Number(e7) / 1e7).toFixed(5)
  return `${coordinate(at('lat_e7'))}, ${coordinate(at('lon_e7'))} ±${at('accuracy_m')} m ${at('datum')}`
}
