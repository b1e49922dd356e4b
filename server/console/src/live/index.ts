/** The board's changes for this tab: through the shared worker, or a stream of its own where there is none. */
import { ref } from 'vue'
import { listen, type Asked, type Change, type Link, type Said } from './protocol'

export type { Change } from './protocol'

/** How the stream is, for the mark in the head. */
export const link = ref<Link>('connecting')

const listeners = new Set<(change: Change) => void>()
let ask: ((asked: Asked) => void) | undefined
/** Whether somebody is logged in who wants to hear: a page may come back after its log-out. */
let wanted = false
/** Whether the stream was lost since it was last open: then everything may have changed. */
let lost = false

function hear(said: Said): void {
  if (said.type === 'change') {
    for (const listener of listeners) listener(said.change)
    return
  }
  if (said.state === 'open' && lost) {
    lost = false
    for (const listener of listeners) listener({ kind: 'resync', pos: 0 })
  } else if (said.state !== 'open' && link.value === 'open') {
    lost = true
  }
  link.value = said.state
}

function connect(): (asked: Asked) => void {
  if (typeof SharedWorker === 'undefined') {
    let stream: { close: () => void } | undefined
    return (asked) => {
      stream?.close()
      stream = asked === 'open' ? listen(hear) : undefined
    }
  }
  const worker = new SharedWorker(new URL('./live.worker.ts', import.meta.url), { type: 'module', name: 'nuanfang-live' })
  worker.port.onmessage = (message: MessageEvent<Said>) => hear(message.data)
  worker.port.start()
  return asked => worker.port.postMessage(asked)
}

/** Begins to listen; again after a log-in. */
export function openStream(): void {
  wanted = true
  if (!ask) {
    ask = connect()
    window.addEventListener('pagehide', leave)
    addEventListener('pageshow', (event) => {
      if (wanted && (event as PageTransitionEvent).persisted) ask?.('open')
    })
  }
  ask('open')
}

/** Nobody says any more how the stream is: what was last said of it must not stand. */
function leave(): void {
  ask?.('leave')
  hear({ type: 'state', state: 'connecting' })
}

/** Stops listening: after a log-out. */
export function leaveStream(): void {
  wanted = false
  leave()
}

/** Calls `listener` at every change until the returned function is called. */
export function onChange(listener: (change: Change) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
