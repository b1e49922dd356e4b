import { describe, expect, it } from 'vitest'
import { columnStates, inColumns, isOverdue, type Card, type State } from '@/lib/columns'

const noon = Date.UTC(2026, 10, 23, 4, 0)
let made = 0
function card(state: State, rest: Partial<Card> = {}): Card {
  made += 1
  return {
    id: `0193aaaa-0000-7000-8000-${String(made).padStart(12, '0')}`,
    kind: 'repair',
    state,
    household: { id: 'h', address: `A ${made}`, community: 'A' },
    scope: '',
    emergency: false,
    plan_version: 1,
    late_lanes: 0,
    violations: 0,
    files_missing: 0,
    changed_ms: noon,
    ...rest,
  }
}
const keysOf = (cards: Card[], filter = {}) =>
  Object.fromEntries(inColumns(cards, filter).map(column => [column.key, column.cards.map(one => one.id)]))

describe('the board', () => {
  it('has a column for every state of the server', () => {
    const states = Object.values(columnStates).flat()
    const cards = states.map(state => card(state))
    expect(inColumns(cards, {}).flatMap(column => column.cards)).toHaveLength(states.length)
    expect(new Set(states).size).toBe(11)
  })

  it('puts emergencies first, then the earlier window, and what has no time last', () => {
    const late = card('assigned', { window: { from_ms: noon, until_ms: noon + 1 } })
    const early = card('assigned', { window: { from_ms: noon - 1, until_ms: noon } })
    const open = card('assigned')
    const urgent = card('assigned', { emergency: true })
    expect(keysOf([late, open, early, urgent])['assigned']).toEqual([urgent.id, early.id, late.id, open.id])
  })

  it('filters by worker, community, kind and words, all at once', () => {
    const wanted = card('inside', {
      kind: 'measurement',
      assignee: { id: 'w1', name: 'Wang' },
      household: { id: 'h', address: 'Nuanyang 3-2-501', community: 'Nuanyang', resident: 'Z**' },
    })
    const others = [
      card('inside'),
      card('inside', { kind: 'measurement', household: wanted.household }),
      card('inside', { assignee: { id: 'w1', name: 'Wang' }, household: wanted.household }),
    ]
    const filter = { worker: 'w1', community: 'Nuanyang', kind: 'measurement' as const, text: '501  wang' }
    expect(keysOf([...others, wanted], filter)['inside']).toEqual([wanted.id])
  })

  it('calls a visit overdue only while nobody is at the door', () => {
    const window = { from_ms: noon - 2, until_ms: noon - 1 }
    for (const state of ['unassigned', 'assigned', 'en_route'] as const) expect(isOverdue(card(state, { window }), noon)).toBe(true)
    for (const state of ['at_door', 'inside', 'done', 'cancelled'] as const) expect(isOverdue(card(state, { window }), noon)).toBe(false)
    expect(isOverdue(card('assigned'), noon)).toBe(false)
    expect(isOverdue(card('assigned', { window: { from_ms: noon - 2, until_ms: noon } }), noon)).toBe(false)
  })
})
