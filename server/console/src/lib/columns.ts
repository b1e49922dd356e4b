/** The board's columns: the server's states, in the order in which a day goes through them. */
import type { Schema } from '@/api/types'

export type Card = Schema<'VisitCard'>
export type State = Schema<'BoardState'>

/** Six columns fit beside each other; a column of several states says on the card which one it is. */
export const columnStates = {
  decide: ['late', 'callback_due'],
  unassigned: ['unassigned'],
  assigned: ['assigned'],
  underway: ['en_route', 'at_door'],
  inside: ['inside'],
  over: ['done', 'absent', 'not_done', 'cancelled'],
} as const satisfies Record<string, readonly State[]>

export type ColumnKey = keyof typeof columnStates
export const columnKeys = Object.keys(columnStates) as ColumnKey[]

/** States in which a visit still wants something from somebody. */
export const isOpen = (state: State): boolean => !(columnStates.over as readonly State[]).includes(state)

export interface BoardFilter {
  worker?: string
  community?: string
  kind?: Schema<'VisitKindName'>
  text?: string
}

export interface Column {
  key: ColumnKey
  cards: Card[]
}

const columnOf = new Map<State, ColumnKey>(columnKeys.flatMap(key => columnStates[key].map(state => [state, key] as const)))

/** Cards that pass the filter, column by column: emergencies first, then by window, then by address. */
export function inColumns(cards: readonly Card[], filter: BoardFilter): Column[] {
  const byKey = new Map<ColumnKey, Card[]>(columnKeys.map(key => [key, []]))
  for (const card of cards) {
    if (passes(card, filter)) byKey.get(columnOf.get(card.state) ?? 'over')?.push(card)
  }
  return columnKeys.map(key => ({ key, cards: (byKey.get(key) ?? []).sort(byUrgency) }))
}

function passes(card: Card, { worker, community, kind, text }: BoardFilter): boolean {
  if (worker && card.assignee?.id !== worker) return false
  if (community && card.household.community !== community) return false
  if (kind && card.kind !== kind) return false
  if (!text) return true
  const words = text.toLocaleLowerCase().split(/\s+/)
  const hay = `${card.household.address} ${card.household.resident ?? ''} ${card.assignee?.name ?? ''} ${card.scope}`.toLocaleLowerCase()
  return words.every(word => hay.includes(word))
}

function byUrgency(a: Card, b: Card): number {
  if (isOpen(a.state) && a.emergency !== b.emergency) return a.emergency ? -1 : 1
  const start = (card: Card) => card.window?.from_ms ?? Number.MAX_SAFE_INTEGER
  return start(a) - start(b) || (a.household.address < b.household.address ? -1 : 1)
}

/** Its window is over and nobody is at the door yet. */
export function isOverdue(card: Card, now: number): boolean {
  return card.window !== undefined && card.window !== null && card.window.until_ms < now
    && (card.state === 'unassigned' || card.state === 'assigned' || card.state === 'en_route')
}
