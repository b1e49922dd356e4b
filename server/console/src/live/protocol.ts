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

/** How the stream is. `closed` = it was refused (no session, or no server behind the proxy); it is asked for again after a while. */
export type Link = 'connecting' | 'open' | 'closed'

/** Milliseconds until a refused stream is asked for again: longer each time, up to a minute, and not all browsers at once. */
const pause = (refused: number) => Math.min(60_000, 2_000 * 2 ** refused) * (0.5 + Math.random() / 2)

/** Opens the board's stream and tells what comes. After a broken line the browser reconnects by itself and sends Last-Event-ID along. */
export function listen(tell: (said: Said) => void): { close: () => void } {
  let source: EventSource | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  let refused = 0
  function begin(): void {
    const stream = new EventSource('/api/board/events')
    source = stream
    tell({ type: 'state', state: 'connecting' })
    stream.onopen = () => {
      refused = 0
      tell({ type: 'state', state: 'open' })
    }
    stream.onerror = () => {
      const closed = stream.readyState === EventSource.CLOSED
      // Whatever is not 200 the browser takes for the end: a proxy without its server, a server that has no room just now.
      // A session that is over looks the same; the next call of a page tells, and leaves.
      if (closed) again = setTimeout(begin, pause(refused++))
      tell({ type: 'state', state: closed ? 'closed' : 'connecting' })
    }
    for (const kind of ['visit', 'device', 'task', 'resync'] as const) {
      stream.addEventListener(kind, (event) => {
        tell({ type: 'change', change: { ...parsed(event.data), kind } })
      })
    }
  }
  begin()
  return {
    close: () => {
      clearTimeout(again)
      source?.close()
    },
  }
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
