/** What pages need: something loaded, something done – both end in a `Problem` or well – and the time by which it is seen. */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { isNavigationFailure, NavigationFailureType, useRouter } from 'vue-router'
import { problemOf, type Problem } from '@/api/client'

/** What a page shows, with what went wrong on the way. A later call overtakes an earlier one; a busy server is asked again. */
export interface Loaded<T> {
  data: ShallowRef<T | undefined>
  problem: ShallowRef<Problem | undefined>
  loading: Ref<boolean>
  load: () => Promise<void>
}

export function useLoaded<T>(fetch: () => Promise<T>): Loaded<T> {
  const data = shallowRef<T>()
  const problem = shallowRef<Problem>()
  const loading = ref(false)
  let turn = 0
  let again: ReturnType<typeof setTimeout> | undefined
  onScopeDispose(() => {
    turn++
    clearTimeout(again)
  })
  async function load(): Promise<void> {
    const mine = ++turn
    clearTimeout(again)
    loading.value = true
    try {
      const fetched = await fetch()
      if (mine !== turn) return
      data.value = fetched
      problem.value = undefined
    } catch (error) {
      if (mine !== turn) return
      problem.value = problemOf(error)
      if (problem.value.again_ms !== undefined) again = setTimeout(() => void load(), problem.value.again_ms)
    } finally {
      if (mine === turn) loading.value = false
    }
  }
  return { data, problem, loading, load }
}

/** An act of the user: never twice at the same time. `run` tells whether it went well. */
export interface Act<A extends unknown[]> {
  busy: Ref<boolean>
  problem: ShallowRef<Problem | undefined>
  run: (...args: A) => Promise<boolean>
}

export function useAct<A extends unknown[]>(act: (...args: A) => Promise<unknown>): Act<A> {
  const busy = ref(false)
  const problem = shallowRef<Problem>()
  async function run(...args: A): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    problem.value = undefined
    try {
      await act(...args)
      return true
    } catch (error) {
      problem.value = problemOf(error)
      return false
    } finally {
      busy.value = false
    }
  }
  return { busy, problem, run }
}

/** Calls `then` once things are quiet for `quiet_ms`, at the latest `at_most_ms` after the first call. */
export function settled(then: () => void, quiet_ms: number, at_most_ms: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let first = 0
  return () => {
    const now = Date.now()
    if (timer === undefined) first = now
    else clearTimeout(timer)
    timer = setTimeout(() => {
      timer = undefined
      then()
    }, Math.max(0, Math.min(quiet_ms, first + at_most_ms - now)))
  }
}

/**
 * Keeps fresh what the stream does not tell of: calls `load` every minute while the page is seen, once when it is seen again
 * after longer, and when a link is followed to where one is.
 */
export function useFresh(load: () => unknown): void {
  let missed = false
  function due(): void {
    missed = document.visibilityState === 'hidden'
    if (!missed) load()
  }
  function seen(): void {
    if (missed) due()
  }
  const timer = setInterval(due, 60_000)
  document.addEventListener('visibilitychange', seen)
  const stop = useRouter().afterEach((_to, _from, failure) => {
    if (isNavigationFailure(failure, NavigationFailureType.duplicated)) load()
  })
  onScopeDispose(() => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', seen)
    stop()
  })
}

/** What `read` says the time is: by the clock, whether or not anything could be loaded since. */
export function useTicking(read: () => number): Readonly<Ref<number>> {
  const now = ref(read())
  const timer = setInterval(() => {
    now.value = read()
  }, 20_000)
  onScopeDispose(() => clearInterval(timer))
  return now
}
