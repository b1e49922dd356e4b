/** What somebody in the office should look at now, counted. */
import { defineStore } from 'pinia'
import { computed } from 'vue'
import { api, body } from '@/api/client'
import { useLoaded } from '@/lib/work'
import { useSession } from './session'

export const useAlarms = defineStore('alarms', () => {
  const session = useSession()
  // The pages say themselves what is wrong; an old count is better than none.
  const { data, load } = useLoaded(() => body(api.GET('/api/alarms')))
  const counts = computed(() => session.may('devices') ? data.value : undefined)

  async function ask(): Promise<void> {
    if (session.may('devices')) await load()
  }

  return { counts, ask }
})
