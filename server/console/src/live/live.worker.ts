/** One stream for all tabs: over HTTP/1.1 a seventh tab with a stream of its own would hang for ever. */
import { listen, type Asked, type Link, type Said } from './protocol'

const worker = self as unknown as SharedWorkerGlobalScope
const tabs = new Set<MessagePort>()
let stream: { close: () => void } | undefined
let link: Link = 'closed'

function tell(said: Said): void {
  if (said.type === 'state') link = said.state
  for (const tab of tabs) tab.postMessage(said)
}

worker.onconnect = (event) => {
  const tab = event.ports[0]
  if (!tab) return
  tab.onmessage = (message: MessageEvent<Asked>) => {
    if (message.data === 'leave') {
      tabs.delete(tab)
      if (tabs.size === 0) {
        stream?.close()
        stream = undefined
        link = 'closed'
      }
      return
    }
    // A tab that left comes back by the same port: after a log-in, or out of the browser's back and forward cache.
    tabs.add(tab)
    if (!stream || link === 'closed') {
      stream?.close()
      stream = listen(tell)
    } else {
      tab.postMessage({ type: 'state', state: link } satisfies Said)
    }
  }
}
