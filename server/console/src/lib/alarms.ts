/** What somebody in the office should look at now, counted; asked again when something comes in, and every few minutes. */
import { onScopeDispose, ref, watch, type Ref } from 'vue'
import { api, body } from '@/api/client'
import type { Schema } from '@/api/types'
import { onChange } from '@/live'
import { settled } from '@/lib/work'
import { useSession } from '@/stores/session'

/** A phone falls silent without anything coming in. */
const every = 5 * 60_000

export function useAlarms(): Ref<Schema<'AlarmsView'> | undefined> {
  const session = useSession()
  const alarms = ref<Schema<'AlarmsView'>>()
  async function ask(): Promise<void> {
    if (!session.may('devices')) {
      alarms.value = undefined
      return
    }
    try {
      alarms.value = await body(api.GET('/api/alarms'))
    } catch {
      // The pages say themselves what is wrong; an old count is better than none.
    }
  }
  const stop = onChange(settled(() => void ask(), 1000, 10_000))
  const timer = setInterval(() => void ask(), every)
  onScopeDispose(() => {
    stop()
    clearInterval(timer)
  })
  watch(() => session.role, () => void ask(), { immediate: true })
  return alarms
}
