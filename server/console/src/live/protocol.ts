/** What the tabs and the stream say to each other, in a shared worker or in the page itself. */

/** One change: the stream's event name and its body. */
export interface Change {
  kind: 'visit' | 'device' | 'task' | 'resync'
  pos: number
  visit?: string
}

/** Said to the tabs. */
export type Said = { type: 'change', change: Change } | { type: 'state', state: Link }

/** Asked by a tab: begin (again), after a log-in for instance; or leave. */
export type Asked = 'open' | 'leave'

/** How the stream is. `closed` = the server refused it (no session); nobody tries again until asked. */
export type Link = 'connecting' | 'open' | 'closed'

/** Opens the board's stream and tells what comes. The browser reconnects by itself and sends Last-Event-ID along. */
export function listen(tell: (said: Said) => void): { close: () => void } {
  const source = new EventSource('/api/board/events')
  tell({ type: 'state', state: 'connecting' })
  source.onopen = () => tell({ type: 'state', state: 'open' })
  source.onerror = () => tell({ type: 'state', state: source.readyState === EventSource.CLOSED ? 'closed' : 'connecting' })
  for (const kind of ['visit', 'device', 'task', 'resync'] as const) {
    source.addEventListener(kind, (event) => {
      tell({ type: 'change', change: { ...parsed(event.data), kind } })
    })
  }
  return { close: () => source.close() }
}

function parsed(data: string): { pos: number, visit?: string } {
  try {
    const body: unknown = JSON.parse(data)
    if (typeof body !== 'object' || body === null) return { pos: 0 }
    const { pos, visit } = body as { pos?: unknown, visit?: unknown }
    return { pos: typeof pos === 'number' ? pos : 0, ...(typeof visit === 'string' ? { visit } : {}) }
  } catch {
    return { pos: 0 }
  }
}
