import { expect, it } from 'vitest'
import { readable } from '@/lib/details'

const worker = 'ec17af30-102b-4aa9-b0ec-770eb2cb561b'
const details = (fields: Record<string, string>) => Object.entries(fields).map(([key, value]) => ({ key, value }))

it('gives numbers their unit, ids their names, and joins what belongs together', () => {
  expect(readable(details({
    'assignee': worker,
    'agreed': '180',
    'total': '38000',
    'window.from': String(Date.UTC(2026, 10, 23, 1)),
    'window.until': String(Date.UTC(2026, 10, 23, 3)),
    'record_sha': '44e41f41'.repeat(8),
    'household': worker,
    'revision': '2',
  }), new Map([[worker, 'Wang']]))).toEqual([
    { key: 'assignee', text: 'Wang' },
    { key: 'agreed', text: '18.0 °C' },
    { key: 'total', text: '¥380.00' },
    { key: 'window', text: '11-23 09:00–11:00' },
    { key: 'record_sha', text: '44e41f41' },
    { key: 'revision', text: '2' },
  ])
})

it('names the purpose of a signature and the place of a fix in one field each', () => {
  expect(readable(details({
    'purpose.quote.revision': '2',
    'place.fix.accuracy_m': '18',
    'place.fix.datum': 'wgs84',
    'place.fix.lat_e7': '399805232',
    'place.fix.lon_e7': '1163102484',
    'place.fix.mock': 'true',
    'mask': 'worn',
    'result': 'two words',
  }), new Map())).toEqual([
    { key: 'purpose', word: 'purpose.quote' },
    { key: 'revision', text: '2' },
    { key: 'place', text: '39.98052, 116.31025 ±18 m wgs84' },
    { key: 'mask', text: 'worn', word: 'value.worn' },
    { key: 'result', text: 'two words' },
  ])
})
