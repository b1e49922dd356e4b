/** The board of one day, kept fresh by the stream. Filters work on what is here already: a day fits in memory. */
import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowRef } from 'vue'
import { api, body, problemOf, type Problem } from '@/api/client'
import type { Schema } from '@/api/types'
import { settled } from '@/lib/work'
import { inColumns, type BoardFilter } from '@/lib/columns'
import { useSession } from './session'

export const useBoard = defineStore('board', () => {
  const session = useSession()
  const view = shallowRef<Schema<'BoardView'>>()
  const problem = shallowRef<Problem>()
  const loading = ref(false)
  const filter = reactive<BoardFilter>({})
  /** The day asked for; none = today, even after midnight. */
  const day = ref<string>()
  /** Cards that changed while somebody looked, until they are drawn a second time. */
  const fresh = shallowRef<ReadonlySet<string>>(new Set())
  let turn = 0

  async function load(): Promise<void> {
    const mine = ++turn
    loading.value = true
    try {
      const next = await body(api.GET('/api/board', { params: { query: day.value ? { day: day.value } : {} } }))
      if (mine !== turn) return
      fresh.value = changedSince(view.value, next)
      view.value = next
      problem.value = undefined
    } catch (error) {
      if (mine === turn) problem.value = problemOf(error)
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  /** Follows the stream: many changes in a second are one reload. */
  const poked = settled(() => void load(), 150, 1000)

  const columns = computed(() => inColumns(view.value?.cards ?? [], filter))
  const shownDay = computed(() => view.value?.day ?? day.value ?? session.today())

  return { view, problem, loading, filter, day, shownDay, fresh, columns, load, poked }
})

function changedSince(before: Schema<'BoardView'> | undefined, after: Schema<'BoardView'>): ReadonlySet<string> {
  if (!before || before.day !== after.day) return new Set()
  const known = new Map(before.cards.map(card => [card.id, card.changed_ms]))
  return new Set(after.cards.filter(card => known.get(card.id) !== card.changed_ms).map(card => card.id))
}
