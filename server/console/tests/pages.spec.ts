import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Component } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'
import AppShell from '@/components/AppShell.vue'
import EnrolDialog from '@/components/EnrolDialog.vue'
import PhotosPanel from '@/components/PhotosPanel.vue'
import { i18n } from '@/i18n'
import type { Role } from '@/lib/roles'
import { dayOf, stampOf } from '@/lib/time'
import { leaveStream, openStream, type Change } from '@/live'
import BoardPage from '@/pages/BoardPage.vue'
import DevicesPage from '@/pages/DevicesPage.vue'
import QuarantinePage from '@/pages/QuarantinePage.vue'
import TasksPage from '@/pages/TasksPage.vue'
import VisitPage from '@/pages/VisitPage.vue'
import { useSession } from '@/stores/session'

const heard = vi.hoisted(() => new Set<(change: Change) => void>())
vi.mock('@/live', async () => ({
  link: (await import('vue')).ref('open'),
  openStream: vi.fn(),
  leaveStream: vi.fn(),
  onChange: (listener: (change: Change) => void) => {
    heard.add(listener)
    return () => heard.delete(listener)
  },
}))

/** What the server answers, by method and path; a number is a refusal. */
const answers = new Map<string, unknown>()
const asked: { what: string, body: unknown }[] = []
const times = (what: string) => asked.filter(one => one.what === what).length
const bodyOf = (what: string) => asked.filter(one => one.what === what).at(-1)?.body

/** 23:59:50 of 2026-11-23 in Beijing. */
const evening = Date.UTC(2026, 10, 23, 15, 59, 50)
const visit = '0193aaaa-0000-7000-8000-000000000001'
let page: VueWrapper

beforeEach(() => {
  vi.useFakeTimers()
  vi.setSystemTime(evening)
  answers.clear()
  asked.length = 0
  vi.stubGlobal('fetch', vi.fn(async (request: Request) => {
    const what = `${request.method} ${new URL(request.url).pathname}`
    asked.push({ what, body: request.method === 'POST' ? JSON.parse(await request.text() || 'null') as unknown : undefined })
    const answer = answers.get(what)
    const given = await (typeof answer === 'function' ? (answer as () => unknown)() : answer)
    return given instanceof Response ? given : new Response(JSON.stringify(given ?? {}), { status: answers.has(what) ? 200 : 404 })
  }))
})
afterEach(() => {
  page.unmount()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const refusal = (code: string) => () => new Response(JSON.stringify({ code, title: code }), { status: 409 })
const sessionOf = (role: Role) => ({
  user: { id: visit, login: role, name: role, role }, supplier: { id: visit, name: 's' }, now_ms: Date.now(),
})

async function open(component: Component, props = {}, stubs = {}): Promise<void> {
  const pinia = createPinia()
  setActivePinia(pinia)
  answers.set('POST /api/session', sessionOf('supervisor'))
  await useSession().logIn('a', 'b')
  const nothing = { render: () => null }
  const routes = [{ path: '/visits/:id', name: 'visit', component: nothing }, { path: '/:rest(.*)*', name: 'board', component: nothing }]
  const router = createRouter({ history: createMemoryHistory(), routes })
  const global = { plugins: [pinia, i18n, router], stubs: { RouterLink: true, ...stubs } }
  page = mount(component, { attachTo: document.body, props, global })
  await settle()
}

/** Lets answers come in and what is drawn be drawn. */
async function settle(ms = 1000): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
  await flushPromises()
}
/** The stream says that the visit changed. */
async function poke(): Promise<void> {
  for (const listener of heard) listener({ kind: 'visit', pos: 1, visit })
  await settle()
}
const dialog = () => [...document.querySelectorAll<HTMLElement>('[role=dialog]')].find(one => one.querySelector('form'))
async function press(text: string, within: ParentNode | undefined = document): Promise<void> {
  const buttons = [...within.querySelectorAll('button')].filter(button => button.textContent?.trim() === text)
  const button = buttons.at(-1) ?? expect.unreachable(`no button ${text}`)
  button.click()
  await settle()
}
async function reason(text: string): Promise<void> {
  const field = dialog()?.querySelector<HTMLInputElement>('input[maxlength="200"]') ?? expect.unreachable('no field for the reason')
  field.value = text
  field.dispatchEvent(new Event('input'))
  await settle()
}

function visitAt(version: number, decided: number[] = []) {
  const worker = (n: number) => ({ id: `w${n}`, name: `Worker ${n}` })
  return {
    card: {
      id: visit, kind: 'repair', state: 'late', emergency: false, plan_version: version, late_lanes: 2, violations: 0, files_missing: 0,
      household: { id: visit, address: 'A 1', community: 'A' }, scope: '', changed_ms: evening, assignee: worker(version),
      window: { from_ms: evening - 7_200_000, until_ms: evening - 3_600_000 },
    },
    household: { id: visit, address: 'A 1' },
    plan: { version, scope: '' },
    lanes: [1, 2].map(lane => ({
      lane, worker: worker(lane), late: true, records: version + 2, chosen: false, checklist: { other: [] },
      decision: decided.includes(lane) ? { decision: 'primary', reason: '' } : undefined,
    })),
    tasks: [], documents: [], signatures: [], photos: [], timeline: [],
  }
}
const panels = {
  LanePanels: {
    props: ['lane'],
    emits: ['decide', 'choose'],
    template: '<p><button @click="$emit(\'decide\')">decide {{ lane.lane }}</button><button @click="$emit(\'choose\')">choose {{ lane.lane }}</button></p>',
  },
  TimelinePanel: true,
  WorkerSelect: {
    props: ['modelValue', 'not'],
    emits: ['update:modelValue'],
    template: '<button type="button" @click="$emit(\'update:modelValue\', \'w9\')">not {{ not }}</button>',
  },
  transition: false,
}

it('sends the plan that was there when the dialog opened, and the new one only when it is opened again', async () => {
  const texts = i18n.global.t
  answers.set(`GET /api/visits/${visit}`, visitAt(1))
  await open(VisitPage, { id: visit }, panels)
  for (const act of ['cancel', 'reschedule', 'assign'] as const) {
    const address = `POST /api/visits/${visit}/${act}`
    const title = texts(act === 'assign' ? 'assign.again' : `${act}.title`)
    const send = act === 'cancel' ? texts('cancel.act') : title
    const fill = async (not: string) => {
      if (act === 'assign') await press(`not ${not}`, dialog())
      await reason('because')
    }
    answers.set(`GET /api/visits/${visit}`, visitAt(1))
    await poke()
    answers.set(address, refusal('plan.changed'))
    await press(title)
    answers.set(`GET /api/visits/${visit}`, visitAt(2))
    await poke()
    expect(page.find('.version').text()).toContain('2')
    await fill('w1')
    await press(send, dialog())
    expect(bodyOf(address), act).toMatchObject({ plan_version: 1, reason: 'because' })
    expect(dialog()?.querySelector('[role=alert]')?.textContent, act).toContain('plan.changed')

    // The stream may be down: the page is loaded anew because the dialog closes.
    answers.set(`GET /api/visits/${visit}`, visitAt(3))
    await press(texts('act.back'), dialog())
    expect(dialog(), act).toBeUndefined()
    answers.set(address, {})
    await press(title)
    expect(dialog()?.querySelector('[role=alert]'), act).toBeNull()
    await fill('w3')
    await press(send, dialog())
    expect(bodyOf(address), act).toMatchObject({ plan_version: 3 })
    expect(dialog(), act).toBeUndefined()
  }
})

it('decides on the lane that was shown when the dialog opened', async () => {
  const texts = i18n.global.t
  answers.set(`GET /api/visits/${visit}`, visitAt(1))
  await open(VisitPage, { id: visit }, panels)
  const late = `POST /api/visits/${visit}/late/1`
  answers.set(late, refusal('lane.decided'))
  await press('decide 1')
  answers.set(`GET /api/visits/${visit}`, visitAt(1, [1]))
  await poke()
  expect(page.text()).toContain('decide 2')
  expect(dialog()?.textContent).toContain('Worker 1')
  dialog()?.querySelector<HTMLInputElement>('input[value=rejected]')?.click()
  await reason('because')
  await press(texts('late.act'), dialog())
  expect(bodyOf(late)).toEqual({ decision: 'rejected', reason: 'because', records: 3 })
  expect(asked.some(({ what }) => what.endsWith('/late/2'))).toBe(false)
  expect(dialog()?.querySelector('[role=alert]')?.textContent).toContain('lane.decided')
  await press(texts('act.back'), dialog())

  await press('choose 2')
  answers.set(`GET /api/visits/${visit}`, visitAt(1))
  await poke()
  expect(page.text()).toContain('choose 1')
  answers.set(`POST /api/visits/${visit}/lanes/2/choose`, {})
  await reason('because')
  await press(texts('lane.makeResult'), dialog())
  expect(bodyOf(`POST /api/visits/${visit}/lanes/2/choose`)).toEqual({ reason: 'because' })
})

it('goes on to the new day at midnight, unless another day is shown', async () => {
  const texts = i18n.global.t
  answers.set('GET /api/board', () => ({ day: dayOf(Date.now()), pos: 1, counts: [], cards: [], workers: [], communities: [] }))
  await open(BoardPage, {}, { ScheduleDialog: true })
  const day = () => page.find<HTMLInputElement>('input[type=date]').element.value
  expect([day(), page.find('h1').text()]).toEqual(['2026-11-23', texts('board.today')])
  await settle(30_000)
  expect([day(), page.find('h1').text()]).toEqual(['2026-11-24', texts('board.today')])

  answers.set('GET /api/board', () => ({ day: '2026-11-25', pos: 1, counts: [], cards: [], workers: [], communities: [] }))
  await press('›')
  const loads = asked.length
  await settle(60_000)
  expect([day(), page.find('h1').text(), asked.length]).toEqual(['2026-11-25', texts('board.ofDay'), loads])
})

it('lets a phone whose worker left be marked stolen, and nothing else', async () => {
  const texts = i18n.global.t
  const device = (id: string, state: string) => ({
    id, state, name: id, worker: { id: visit, name: id }, owes: { ops: 0, files: 0, bytes: 0 }, files_missing: 0, seen_ms: evening,
    safe_through: 0, acked_through: 0, app: '1', forked: false, silent: false, lacks: [],
  })
  answers.set('GET /api/devices', [device('d1', 'active'), device('d2', 'dismissed'), device('d3', 'stolen')])
  await open(DevicesPage, {}, { transition: false })
  const offered = async (name: string) => {
    await page.find(`button[aria-label="${texts('revoke.of', { name })}"]`).trigger('click')
    await settle()
    const ways = [...dialog()?.querySelectorAll('input') ?? []].map(input => input.value)
    await press(texts('act.back'), dialog())
    return ways
  }
  expect(page.findAll('tbody button')).toHaveLength(2)
  expect(await offered('d1')).toEqual(['dismissed', 'stolen'])
  expect(await offered('d2')).toEqual(['stolen'])
})

it('asks for the phones and the alarms again once one is revoked', async () => {
  const texts = i18n.global.t
  const device = {
    id: 'd1', state: 'active', name: 'd1', worker: { id: visit, name: 'd1' }, owes: { ops: 0, files: 0, bytes: 0 }, files_missing: 0,
    safe_through: 0, acked_through: 0, forked: false, silent: true, lacks: [],
  }
  answers.set('GET /api/devices', [device])
  answers.set('GET /api/alarms', { silent_devices: 1, forked_devices: 0, kept: 0 })
  answers.set('POST /api/devices/d1/revoke', {})
  await open(DevicesPage, {}, { transition: false })
  await page.find('tbody button').trigger('click')
  await settle()
  dialog()?.querySelector<HTMLInputElement>('input[value=dismissed]')?.click()
  await settle()
  await press(texts('revoke.title'), dialog())
  expect([times('GET /api/devices'), times('GET /api/alarms')]).toEqual([2, 1])
})

it('asks every minute for what the stream does not tell of, while somebody looks, and at a link to where he is', async () => {
  answers.set('GET /api/devices', [])
  await open(DevicesPage)
  const loads = () => times('GET /api/devices')
  expect(loads()).toBe(1)
  await settle(60_000)
  expect(loads()).toBe(2)

  const seen = vi.spyOn(document, 'visibilityState', 'get')
  const turn = async (state: DocumentVisibilityState) => {
    seen.mockReturnValue(state)
    document.dispatchEvent(new Event('visibilitychange'))
    await settle()
  }
  await turn('hidden')
  await turn('visible')
  expect(loads(), 'not away for long').toBe(2)
  await turn('hidden')
  await settle(300_000)
  expect(loads()).toBe(2)
  await turn('visible')
  expect(loads()).toBe(3)
  seen.mockRestore()

  const router = page.vm.$router
  await router.push('/devices')
  await settle()
  expect(loads()).toBe(3)
  await router.push('/devices')
  await settle()
  expect(loads()).toBe(4)

  page.unmount()
  await settle(120_000)
  expect(loads()).toBe(4)
})

it('shows an alarm until it is over, whether or not something comes in', async () => {
  const alarms = (silent: number) => answers.set('GET /api/alarms', { silent_devices: silent, forked_devices: 0, kept: 0 })
  alarms(1)
  await open(AppShell)
  const alarm = () => page.find('.alarm').exists()
  expect(alarm()).toBe(true)
  alarms(0)
  await settle(60_000)
  expect(alarm()).toBe(false)
  alarms(1)
  await poke()
  expect(alarm()).toBe(true)
})

it('has the text of an enrolment copied, or selected where a page has no clipboard', async () => {
  const texts = i18n.global.t
  const text = 'nuanfang://enrol/1?u=https%3A%2F%2Fa&c=ABC'
  answers.set(`POST /api/workers/${visit}/enrolment`, { code: 'ABC', text, qr_svg: '<svg/>', expires_ms: evening })
  await open(EnrolDialog, { modelValue: true, worker: { id: visit, name: 'w' } }, { transition: false })
  await press(texts('enrol.make'), dialog())
  const box = dialog()?.querySelector('textarea') ?? expect.unreachable('no box for the text')
  const said = () => dialog()?.querySelector('[role=status]')?.textContent
  expect([box.value, box.readOnly, said()]).toEqual([text, true, ''])
  const clipboard = vi.spyOn(navigator, 'clipboard', 'get')
  const writeText = vi.fn()
  clipboard.mockReturnValue({ writeText } as unknown as Clipboard)
  await press(texts('enrol.copy'), dialog())
  expect(writeText).toHaveBeenCalledWith(text)
  expect(said()).toBe(texts('enrol.copied'))
  clipboard.mockReturnValue(undefined as unknown as Clipboard)
  await press(texts('enrol.copy'), dialog())
  expect([said(), document.activeElement === box, box.selectionStart, box.selectionEnd])
    .toEqual([texts('enrol.selected'), true, 0, text.length])
  clipboard.mockRestore()
})

it('says what a phone can not record, and that its rules are no longer in force', async () => {
  const lacks = [
    { kind: 'visit.disputed', zh: '热用户异议', en: 'Disputed' },
    { kind: 'visit.signed', zh: '热用户签字', en: 'Signed' },
  ]
  const device = (name: string, current: boolean, lacks: object[]) => ({
    id: name, state: 'active', name, worker: { id: visit, name }, owes: { ops: 0, files: 0, bytes: 0 }, files_missing: 0, seen_ms: evening,
    safe_through: 0, acked_through: 0, app: '1', forked: false, silent: false, lacks,
    rules: { sha: 'd2f507d918be8453', current, in_force_since_ms: evening },
  })
  answers.set('GET /api/devices', [device('d1', true, []), device('d2', false, lacks)])
  await open(DevicesPage)
  const [newer, older] = page.findAll('tbody tr').map(row => row.text())
  const at = stampOf(evening)
  expect(newer).toContain(i18n.global.t('device.rulesSince', { at }))
  expect(newer).not.toContain('升级')
  expect(older).toContain(i18n.global.t('device.rulesUntil', { at }))
  expect(older).toContain('d2f507d9')
  expect(older).toContain(i18n.global.t('device.upgrade', { kinds: '热用户异议、热用户签字' }))
  expect(older).not.toContain('visit.')
})

it('tells how long ago a phone was seen by the clock, though nothing can be loaded any more', async () => {
  answers.set('GET /api/devices', [{
    id: 'd1', state: 'active', name: 'd1', worker: { id: visit, name: 'd1' }, owes: { ops: 0, files: 0, bytes: 0 }, files_missing: 0,
    safe_through: 0, acked_through: 0, forked: false, silent: false, lacks: [], seen_ms: evening - 600_000,
  }])
  await open(DevicesPage)
  const ago = (n: number) => i18n.global.t('device.ago', { span: i18n.global.t('span.minutes', { n }) })
  expect(page.find('tbody').text()).toContain(ago(10))
  answers.delete('GET /api/devices')
  await settle(300_000)
  expect(page.find('[role=alert]').exists()).toBe(true)
  expect(page.find('tbody').text()).toContain(ago(15))
})

it('says that it is loading until something has come, and not beside a failure', async () => {
  for (const [component, path, none] of [
    [DevicesPage, '/api/devices', []],
    [TasksPage, '/api/tasks', []],
    [QuarantinePage, '/api/quarantine', { total: 0, page: 0, size: 100, rows: [] }],
  ] as const) {
    let came = (_answer: unknown): void => undefined
    answers.set(`GET ${path}`, () => new Promise((resolve) => {
      came = resolve
    }))
    const loading = () => page.find('[role=status].page-empty')
    await open(component)
    expect([loading().exists() && loading().text(), page.findAll('.page-empty').length], path).toEqual([i18n.global.t('act.loading'), 1])
    came(none)
    await settle()
    expect([loading().exists(), page.findAll('.page-empty').length], path).toEqual([false, 1])
    page.unmount()
    answers.delete(`GET ${path}`)
    await open(component)
    expect([page.find('[role=alert]').exists(), page.find('.page-empty').exists()], path).toEqual([true, false])
    page.unmount()
  }
  page = mount({ render: () => null })
})

it('asks a busy server again by itself, and says so meanwhile', async () => {
  const busy = (code: string) => () => new Response(JSON.stringify({ code, title: '服务器正忙，请稍后重试' }), { status: 503, headers: { 'retry-after': '8' } })
  answers.set('GET /api/devices', busy('office.busy'))
  await open(DevicesPage)
  expect(page.find('[role=alert]').text()).toContain('服务器正忙，请稍后重试')
  answers.set('GET /api/devices', [])
  await settle(8_000)
  expect(page.find('[role=alert]').exists()).toBe(false)
  expect(page.text()).toContain(i18n.global.t('device.none'))
  // What was begun and took too long would only take too long again.
  answers.set('GET /api/devices', busy('server.too_slow'))
  await poke()
  const loads = asked.length
  await settle(30_000)
  expect([page.find('[role=alert]').exists(), asked.length]).toEqual([true, loads])
})

/** A page of what is kept apart. */
const keptPage = (rows: unknown[], total = rows.length, page = 0) => ({ rows, total, page, size: 200 })

it('shows what is kept apart page by page, and steps back when the last page is empty', async () => {
  const row = (n: number) => ({
    op: `o${n}`, kind: 'visit.completed', zh: '', en: '', worker: { id: visit, name: '' }, device: visit, visit_known: false,
    at_ms: evening, recv_ms: evening, kept: 'held', why: 'never_assigned',
  })
  answers.set('GET /api/quarantine', keptPage([row(1), row(2)]))
  await open(QuarantinePage)
  expect(page.findAll('tbody tr')).toHaveLength(2)
  expect(page.find('nav.pager').exists()).toBe(false)
  answers.set('GET /api/quarantine', keptPage([row(1), row(2)], 201))
  await poke()
  answers.set('GET /api/quarantine', keptPage([row(3)], 201, 1))
  await press(i18n.global.t('pager.after'))
  await settle()
  expect(page.findAll('tbody tr')).toHaveLength(1)
  expect(page.find('nav.pager').text()).toContain('2 / 2')
  answers.set('GET /api/quarantine', keptPage([], 200, 1))
  await poke()
  answers.set('GET /api/quarantine', keptPage([row(1), row(2)], 200))
  await poke()
  expect(page.findAll('tbody tr')).toHaveLength(2)
})

it('has what one phone sent too late judged together, and says what came of it', async () => {
  const row = (n: number, device: string, why: string) => ({
    op: `o${n}`, kind: 'visit.completed', zh: '完成', en: '', worker: { id: visit, name: '' }, device, visit_known: false,
    at_ms: evening, recv_ms: evening, kept: 'quarantined', why,
  })
  const late = 'hand_in_overdue'
  const rows = [row(1, 'd1', late), row(2, 'd1', late), row(3, 'd2', late), row(4, 'd1', 'never_assigned'), row(6, 'd1', late)]
  answers.set('GET /api/quarantine', keptPage(rows))
  answers.set('GET /api/alarms', { silent_devices: 0, forked_devices: 0, kept: 4 })
  await open(QuarantinePage, {}, { transition: false })
  const again = i18n.global.t('quarantine.rejudge')
  const choose = async (n: number, act = again) => {
    await page.findAll('tbody button').filter(one => one.text() === act).at(n)?.trigger('click')
    await settle()
    return dialog()?.querySelector<HTMLInputElement>('input[type=checkbox]')
  }
  expect(await choose(2), 'nothing else like it').toBeNull()
  await press(i18n.global.t('act.back'), dialog())
  const box = await choose(0)
  expect(dialog()?.textContent).toContain(i18n.global.t('quarantine.alike', { n: 2 }))
  box?.click()
  await reason('本人当面交回')
  answers.set('POST /api/quarantine/rejudge', { kept: 0 })
  const counted = times('GET /api/alarms')
  // One that comes while the reason is typed was not on the screen.
  answers.set('GET /api/quarantine', keptPage([row(5, 'd1', late), ...rows]))
  await poke()
  await press(again, dialog())
  expect(bodyOf('POST /api/quarantine/rejudge')).toEqual({ reason: '本人当面交回', ops: ['o6', 'o2', 'o1'] })
  expect(page.find('[role=status]').text()).toContain(i18n.global.t('quarantine.judged', { n: 3, kept: 0 }))
  expect(times('GET /api/alarms') - counted, 'by who shows them').toBe(1)
  // What nothing is to be done about is filed, and found again.
  const file = i18n.global.t('quarantine.file')
  const box2 = await choose(1, file)
  box2?.click()
  await reason('示例：被盗手机')
  answers.set('POST /api/quarantine/file', undefined)
  answers.set('GET /api/quarantine', keptPage([]))
  await press(file, dialog())
  expect(bodyOf('POST /api/quarantine/file')).toEqual({ reason: '示例：被盗手机', ops: ['o6', 'o2', 'o1', 'o5'] })
  expect(page.find('.page-empty').text()).toBe(i18n.global.t('quarantine.none'))
  answers.set('GET /api/quarantine', keptPage([{ ...row(1, 'd1', late), filed_ms: evening }]))
  await press(i18n.global.t('quarantine.filed'))
  await settle()
  expect(page.findAll('tbody button').map(one => one.text())).toEqual([again])
})

it('plans what a task asks for with what the task says, the first time too', async () => {
  const noon = Date.UTC(2026, 10, 23, 4)
  const window = { from_ms: noon, until_ms: noon + 3_600_000 }
  answers.set('GET /api/tasks', [{
    kind: 'next_visit', visit_kind: 'measurement', visit, lane: 1, subject: '', zh: '', en: '', opened_ms: evening, window,
    household: { id: 'h1', address: '示例花园 101', community: '示例花园' },
  }])
  answers.set('GET /api/workers', [])
  await open(TasksPage, {}, { transition: false })
  await press(i18n.global.t('schedule.act'), page.element.querySelector('tbody') ?? undefined)
  const scope = dialog()?.querySelector('textarea')
  if (scope) scope.value = '复测'
  scope?.dispatchEvent(new Event('input'))
  await settle()
  answers.set('POST /api/visits', { id: visit })
  await press(i18n.global.t('schedule.act'), dialog())
  expect(bodyOf('POST /api/visits')).toMatchObject({ kind: 'measurement', follows: visit, household: 'h1', window })
})

it('plans a visit again whose plan was lost: whose, who and when as far as what waits tells', async () => {
  const noon = Date.UTC(2026, 10, 23, 4)
  const row = (n: number, why: string) => ({
    op: `o${n}`, kind: 'visit.arrived', zh: '到达', en: '', worker: { id: 'w1', name: '示例甲' }, device: 'd1', visit, visit_known: false,
    lost: why === 'visit_unknown', at_ms: evening, recv_ms: evening, kept: 'held', why,
  })
  answers.set('GET /api/quarantine', keptPage([row(1, 'visit_unknown'), row(2, 'kind_unknown')]))
  answers.set('GET /api/alarms', { silent_devices: 0, forked_devices: 0, kept: 2 })
  answers.set('GET /api/workers', [])
  answers.set(`GET /api/lost-visits/${visit}`, {
    visit, household: { id: 'h1', address: '示例花园 101', community: '示例花园' }, kind: 'measurement', workers: [{ id: 'w1', name: '示例甲' }],
    from_ms: noon + 1_000, until_ms: noon + 40 * 60_000, operations: 7,
  })
  await open(QuarantinePage, {}, { transition: false })
  const ways = page.findAll('tbody button').filter(one => one.text() === i18n.global.t('quarantine.planAgain'))
  expect(ways).toHaveLength(1)
  await ways[0]?.trigger('click')
  await settle()
  expect(dialog()?.textContent).toContain('7')
  expect(dialog()?.textContent).toContain('示例花园 101')
  const scope = dialog()?.querySelector('textarea')
  if (scope) scope.value = '室温测量'
  scope?.dispatchEvent(new Event('input'))
  await settle()
  answers.set('POST /api/visits', { id: visit })
  answers.set('GET /api/quarantine', keptPage([row(2, 'kind_unknown')]))
  await press(i18n.global.t('schedule.act'), dialog())
  expect(bodyOf('POST /api/visits')).toMatchObject({
    lost: visit, kind: 'measurement', household: 'h1', assignee: 'w1', scope: '室温测量', window: { from_ms: noon, until_ms: noon + 41 * 60_000 },
  })
  expect(page.find('[role=status]').text()).toContain(i18n.global.t('quarantine.planned'))
})

it('asks again for a picture that a busy server did not give, and for none that is not there', async () => {
  const time = { est_ms: evening, lo_ms: evening, hi_ms: evening, recv_ms: evening, quality: 'exact' }
  const photo = { sha: 'abc', role: 'photo.other', zh: '', whole: true, flagged: false, time, worker: { id: visit, name: '' } }
  let status = 503
  const asks = vi.fn(async () => new Response(undefined, { status }))
  vi.stubGlobal('fetch', asks)
  page = mount(PhotosPanel, { props: { photos: [photo as never] }, global: { plugins: [i18n] } })
  const drawn: Element[] = []
  for (const busy of [true, true, false]) {
    status = busy ? 503 : 404
    const picture = page.find('li img')
    expect(picture.attributes('src')).toBe('/api/photos/abc')
    drawn.push(picture.element)
    await picture.trigger('error')
    await settle(60_000)
  }
  expect(asks.mock.calls).toHaveLength(3)
  expect(new Set(drawn).size, 'a new one after each time that it was busy').toBe(3)
  expect(page.find('li img').element, 'what is not there is left alone').toBe(drawn[2])
})

it('asks for the stream of the board only for a role that may see the board', async () => {
  setActivePinia(createPinia())
  page = mount({ render: () => null })
  vi.mocked(openStream).mockClear()
  vi.mocked(leaveStream).mockClear()
  const logIn = async (role: Role) => {
    answers.set('POST /api/session', sessionOf(role))
    await useSession().logIn('a', 'b')
  }
  await logIn('admin')
  expect([vi.mocked(openStream).mock.calls.length, vi.mocked(leaveStream).mock.calls.length]).toEqual([0, 1])
  await logIn('service')
  expect([vi.mocked(openStream).mock.calls.length, vi.mocked(leaveStream).mock.calls.length]).toEqual([1, 1])
})
