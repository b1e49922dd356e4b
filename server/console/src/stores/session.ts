/** Who is logged in, and what the clock of the server says: the demo's day is not the browser's. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { api, body, Problem, problemOf } from '@/api/client'
import type { Schema } from '@/api/types'
import { leaveStream, openStream } from '@/live'
import { mayBeLoggedIn, rememberLoggedIn } from '@/lib/preferences'
import { dayOf } from '@/lib/time'
import { mayDo, mayOpen, type Act, type Page } from '@/lib/roles'

export const useSession = defineStore('session', () => {
  const session = shallowRef<Schema<'SessionView'>>()
  /** Server time minus the browser's. */
  const ahead = ref(0)
  const checked = ref(false)

  function keep(view: Schema<'SessionView'> | undefined): void {
    session.value = view
    rememberLoggedIn(view !== undefined)
    if (view) ahead.value = view.now_ms - Date.now()
    // Who may not see the board is refused its stream too, and would be again and again.
    if (view && mayOpen(view.user.role, 'board')) openStream()
    else leaveStream()
  }

  /** Asks once who we are. Nobody is not an error; anything else is, and is thrown. */
  async function check(): Promise<void> {
    if (checked.value) return
    if (!mayBeLoggedIn()) {
      checked.value = true
      return
    }
    try {
      keep(await body(api.GET('/api/session')))
    } catch (error) {
      const problem = problemOf(error)
      if (problem.status !== 401) throw problem
      keep(undefined)
    }
    checked.value = true
  }

  async function logIn(login: string, password: string): Promise<void> {
    keep(await body(api.POST('/api/session', { body: { login, password } satisfies Schema<'LoginRequest'> })))
    checked.value = true
  }

  async function logOut(): Promise<void> {
    try {
      await api.DELETE('/api/session')
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error
    } finally {
      keep(undefined)
    }
  }

  const now = (): number => Date.now() + ahead.value
  const today = (): string => dayOf(now())
  const role = computed(() => session.value?.user.role)
  const may = (page: Page): boolean => role.value !== undefined && mayOpen(role.value, page)

  const can = (act: Act): boolean => role.value !== undefined && mayDo(role.value, act)

  return { session, role, check, logIn, logOut, forget: () => keep(undefined), now, today, may, can }
})
