import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Asked, Said } from '@/live/protocol'

/** The browser's stream, played by the test. */
class Stream {
  static readonly CLOSED = 2
  static all: Stream[] = []
  readyState = 0
  onopen?: () => void
  onerror?: () => void
  readonly addEventListener = vi.fn()
  constructor(readonly url: string) {
    Stream.all.push(this)
  }

  close(): void {
    this.readyState = Stream.CLOSED
  }

  /** The server takes it. */
  open(): void {
    this.readyState = 1
    this.onopen?.()
  }

  /** The server, or a proxy before it, answers something else than 200. */
  refuse(): void {
    this.close()
    this.onerror?.()
  }

  static get last(): Stream {
    return Stream.all.at(-1) ?? expect.unreachable('no stream was asked for')
  }
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.resetModules()
  vi.stubGlobal('EventSource', Stream)
  vi.stubGlobal('SharedWorker', undefined)
  Stream.all = []
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** A tab at the shared worker: what it is told, and how it asks. */
function tab(): { told: Said[], ask: (asked: Asked) => void } {
  const told: Said[] = []
  const port: { postMessage: (said: Said) => void, onmessage?: (message: { data: Asked }) => void } = {
    postMessage: said => told.push(said),
  }
  const { onconnect } = self as unknown as { onconnect: (event: { ports: unknown[] }) => void }
  onconnect({ ports: [port] })
  return { told, ask: data => port.onmessage?.({ data }) }
}

it('tells a tab that left and came back, and closes the stream with the last one', async () => {
  await import('@/live/live.worker')
  const [first, second] = [tab(), tab()]
  first.ask('open')
  second.ask('open')
  Stream.last.open()
  first.ask('leave')
  first.told.length = 0
  Stream.last.onerror?.()
  expect(first.told).toEqual([])
  first.ask('open')
  Stream.last.open()
  expect(first.told).toEqual([{ type: 'state', state: 'connecting' }, { type: 'state', state: 'open' }])
  first.ask('leave')
  second.ask('leave')
  expect(Stream.last.readyState).toBe(Stream.CLOSED)
  first.told.length = 0
  first.ask('open')
  expect(Stream.all).toHaveLength(2)
  Stream.last.open()
  expect(first.told).toEqual([{ type: 'state', state: 'connecting' }, { type: 'state', state: 'open' }])
})

it('asks again after a refusal, less and less often, and not once it is closed', async () => {
  const { listen } = await import('@/live/protocol')
  const told: Said[] = []
  const stream = listen(said => told.push(said))
  Stream.last.refuse()
  expect(told.at(-1)).toEqual({ type: 'state', state: 'closed' })
  vi.advanceTimersByTime(900)
  expect(Stream.all).toHaveLength(1)
  vi.advanceTimersByTime(1100)
  expect(Stream.all).toHaveLength(2)
  for (let refused = 0; refused < 10; refused++) {
    Stream.last.refuse()
    vi.advanceTimersByTime(60_000)
  }
  const asked = Stream.all.length
  Stream.last.refuse()
  vi.advanceTimersByTime(29_000)
  expect(Stream.all).toHaveLength(asked)
  vi.advanceTimersByTime(31_000)
  expect(Stream.all).toHaveLength(asked + 1)
  Stream.last.open()
  Stream.last.refuse()
  vi.advanceTimersByTime(2000)
  expect(Stream.all).toHaveLength(asked + 2)
  Stream.last.refuse()
  stream.close()
  vi.advanceTimersByTime(600_000)
  expect(Stream.all).toHaveLength(asked + 2)
})

it('says nothing of the stream after a log-out, and takes everything for changed after the next log-in', async () => {
  const { leaveStream, link, onChange, openStream } = await import('@/live')
  const changed = vi.fn()
  onChange(changed)
  openStream()
  Stream.last.open()
  expect(link.value).toBe('open')
  leaveStream()
  expect(link.value).toBe('connecting')
  // Back to the page of the log-in: nobody is there who could hear.
  dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  expect(Stream.all).toHaveLength(1)
  openStream()
  Stream.last.open()
  expect(link.value).toBe('open')
  expect(changed.mock.calls).toEqual([[{ kind: 'resync', pos: 0 }]])
  dispatchEvent(new Event('pagehide'))
  expect(link.value).toBe('connecting')
  dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  Stream.last.open()
  expect(link.value).toBe('open')
})
