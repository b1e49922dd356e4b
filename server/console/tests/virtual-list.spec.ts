import { mount } from '@vue/test-utils'
import { expect, it } from 'vitest'
import { h, nextTick } from 'vue'
import VirtualList from '@/components/VirtualList.vue'

const items = Array.from({ length: 2000 }, (_, i) => ({ id: `id-${i}` }))
function list() {
  return mount(VirtualList, {
    attachTo: document.body,
    props: { items, row: 3, label: 'list' },
    slots: { default: ({ item, tabindex }: { item: { id: string }, tabindex: number }) => h('a', { href: '#', tabindex }, item.id) },
  })
}

it('keeps only what is in sight in the document, whatever the length', () => {
  const wrapper = list()
  expect(wrapper.findAll('li').length).toBeLessThan(40)
  expect(wrapper.find('ul').attributes('style')).toContain(`height: ${2000 * 48}px`)
  expect(wrapper.find('li').attributes()).toMatchObject({ 'aria-setsize': '2000', 'aria-posinset': '1' })
})

it('is one tab stop, which the arrows move', async () => {
  const wrapper = list()
  expect(wrapper.findAll('[tabindex="0"]').map(row => row.text())).toEqual(['id-0'])
  await wrapper.find('ul').trigger('keydown', { key: 'ArrowDown' })
  await nextTick()
  expect(document.activeElement?.textContent).toBe('id-1')
  expect(wrapper.findAll('[tabindex="0"]').map(row => row.text())).toEqual(['id-1'])
  await wrapper.find('ul').trigger('keydown', { key: 'ArrowRight' })
  expect(wrapper.emitted('sideways')).toHaveLength(1)
})
