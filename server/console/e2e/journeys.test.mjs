/** What a dispatcher, a clerk and an administrator do with the console, in a real browser against a real server. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, afterEach, before, test } from 'node:test'
import { holds, launch, logIn, logins, openScreen, pages, password, settle, startServer } from './stage.mjs'
import { xlsx } from './xlsx.mjs'

let server
let browser
const open = []

before(async () => {
  // One after the other: while its day is played the server has no processor to spare.
  server = await startServer()
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})
afterEach(async () => {
  for (const screen of open.splice(0)) await screen.context.close()
})

async function screenOf(role, options) {
  const screen = await openScreen(browser, server.url, options)
  open.push(screen)
  if (role) await logIn(screen.page, logins[role])
  return screen
}

/** Chooses in an Element Plus select by its label. */
async function pick(page, label, option) {
  const dialog = page.getByRole('dialog')
  const field = dialog.getByLabel(label, { exact: true }).first()
  await field.click({ force: true })
  if (option.search) await field.fill(option.search)
  const choice = page.locator('.el-select-dropdown__item:visible').filter({ hasText: option.text ?? option.search })
  await choice.and(page.locator(':not(.is-disabled)')).first().click()
}

/** Schedules a visit through the dialog that is open, and gives its id. */
async function schedule(page, scope) {
  await pick(page, '交费编号、地址、姓名', { search: 'SL00000', text: 'SL0000' })
  await page.getByLabel(/^服务内容/).fill(scope)
  await page.getByRole('button', { name: '09:00–11:00' }).click()
  await page.getByRole('button', { name: '安排', exact: true }).click()
  await page.waitForURL('**/visits/*')
  return page.url().split('/').at(-1)
}

const visitWith = (page, find) => page.evaluate(async (wanted) => {
  const { cards } = await (await fetch('/api/board')).json()
  for (const card of cards) {
    const visit = await (await fetch(`/api/visits/${card.id}`)).json()
    if (wanted === 'document'
      ? visit.documents.some(one => one.ready) && visit.photos.some(one => one.whole)
      : wanted === 'late'
        ? visit.lanes.some(lane => lane.late)
        : wanted === 'rooms' ? visit.lanes.some(lane => lane.rooms.length > 0) : false) return card.id
  }
  return undefined
}, find)

for (const locale of ['zh-CN', 'en']) {
  for (const text of [100, 130]) {
    test(`every page holds at 1280×800 in ${locale} at ${text} % text: no axe offence, no console error, nothing too wide`, async () => {
      const screen = await screenOf('supervisor', { locale, text })
      const { page } = screen
      assert.equal(await page.evaluate(() => document.documentElement.lang), locale)
      for (const path of pages) {
        await page.goto(path)
        await page.locator('h1').first().waitFor()
        await holds(screen, path)
      }
      const id = await visitWith(page, 'rooms')
      await page.goto(`/visits/${id}`)
      await page.locator('h1').waitFor()
      await holds(screen, 'a visit')
      await page.goto('/households')
      await page.locator('tbody a').first().click()
      await page.locator('dl').first().waitFor()
      await holds(screen, 'a household')
      await page.goto('/board')
      await page.locator('.page-head .el-button--primary').click()
      await page.getByRole('dialog').waitFor()
      await holds(screen, 'scheduling')
      await page.goto('/nowhere/at/all')
      await page.locator('h1').waitFor()
      await holds(screen, 'nowhere')
    })
  }
}

test('a wrong password is refused in words, the right one leads to the page that was asked for', async () => {
  const screen = await screenOf()
  const { page } = screen
  await page.goto('/workers')
  await page.waitForURL('**/login?to=/workers')
  await holds(screen, 'login')
  await page.locator('[name=login]').fill(logins.dispatcher)
  await page.locator('[name=password]').fill('wrong-password')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').filter({ hasText: '不正确' }).waitFor()
  await page.locator('[name=password]').fill('shili-nuanfang')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/workers')
  await page.getByRole('button', { name: '退出登录' }).click()
  await page.waitForURL('**/login')
  assert.equal((await page.request.get('/api/board')).status(), 401)
})

test('each role is shown its own pages, and another page says so', async () => {
  const shown = {
    billing: ['今日看板', '热用户', '收费标准'],
    auditor: ['今日看板', '暂存隔离', '热用户', '收费标准', '测温设备', '服务人员', '手机', '用户', '审计'],
    admin: ['暂存隔离', '热用户', '收费标准', '测温设备', '导入台账', '服务人员', '手机', '用户'],
  }
  for (const [role, names] of Object.entries(shown)) {
    const screen = await screenOf(role)
    assert.deepEqual(await screen.page.locator('nav[aria-label="主导航"] .word').allTextContents(), names)
    await screen.page.goto('/tasks')
    await screen.page.getByText('您的角色不能打开此页').waitFor()
    await holds(screen, `a barred page as ${role}`)
  }
})

test('a visit goes from planned to assigned, moved and cancelled, and another screen sees it live', async () => {
  const watcher = await screenOf('supervisor')
  // What happens before its stream stands is not told to it.
  await watcher.page.getByText('实时', { exact: true }).waitFor()
  const { page } = await screenOf('dispatcher')
  await page.getByRole('button', { name: '安排入户' }).click()
  const id = await schedule(page, '示例：调度台走查')
  const card = watcher.page.locator(`[data-visit="${id}"]`)
  const column = name => watcher.page.getByRole('region', { name, exact: true }).locator(`[data-visit="${id}"]`)
  await card.waitFor()
  await column('待派').waitFor()

  await page.getByRole('button', { name: '派工' }).click()
  const options = page.locator('.el-select-dropdown__item:visible')
  await page.getByRole('dialog').getByLabel('选择服务人员').click({ force: true })
  await options.first().waitFor()
  await page.keyboard.press('Escape')
  await pick(page, '选择服务人员', { text: '示例' })
  await page.getByRole('dialog').getByRole('button', { name: '派工' }).click()
  // The dialog takes the new name before it is gone.
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  await page.getByRole('button', { name: '改派' }).waitFor()
  await column('已派').waitFor()

  await page.getByRole('button', { name: '改期' }).click()
  await page.getByRole('button', { name: '15:00–17:00' }).click()
  await page.getByLabel(/^原因/).fill('热用户要求下午')
  await page.getByRole('dialog').getByRole('button', { name: '改期' }).click()
  await page.locator('dd').filter({ hasText: '15:00–17:00' }).waitFor()
  await card.filter({ hasText: '15:00–17:00' }).waitFor()

  await page.getByRole('button', { name: '取消', exact: true }).click()
  await page.getByLabel(/^原因/).fill('热用户撤回诉求')
  await page.getByRole('button', { name: '取消入户' }).click()
  await page.getByText('取消原因').waitFor()
  await column('已结束').waitFor()
  assert.deepEqual(watcher.faults, [])
})

test('who logs out and in again in the same tab sees the board live as before', async () => {
  const { page: watcher } = await screenOf('supervisor')
  const live = watcher.getByRole('status').filter({ hasText: '实时' })
  await live.waitFor()
  await watcher.getByRole('button', { name: '退出登录' }).click()
  await watcher.waitForURL('**/login')
  await watcher.locator('[name=login]').fill(logins.supervisor)
  await watcher.locator('[name=password]').fill(password)
  await watcher.keyboard.press('Enter')
  await watcher.waitForURL('**/board')
  await live.waitFor()
  const { page } = await screenOf('dispatcher')
  await page.getByRole('button', { name: '安排入户' }).click()
  const id = await schedule(page, '示例：重新登录')
  await watcher.locator(`[data-visit="${id}"]`).waitFor()
})

test('who changed the plan meanwhile is not overwritten', async () => {
  const first = await screenOf('dispatcher')
  await first.page.getByRole('button', { name: '安排入户' }).click()
  const id = await schedule(first.page, '示例：同时更改')
  await first.page.getByRole('button', { name: '取消', exact: true }).click()
  await first.page.getByLabel(/^原因/).fill('一')
  const answer = await first.page.request.post(`/api/visits/${id}/reschedule`, {
    headers: { 'x-nuanfang': '1' },
    data: { window: { from_ms: Date.now() + 3_600_000, until_ms: Date.now() + 7_200_000 }, reason: '另一人改期', plan_version: 1 },
  })
  assert.equal(answer.status(), 200)
  await first.page.locator('.version').filter({ hasText: '第 2 版' }).waitFor()
  // The new plan stands behind the dialog, where nobody has read it: he who opened the dialog decided on the old one.
  const dialog = first.page.getByRole('dialog')
  await dialog.getByRole('button', { name: '取消入户' }).click()
  await dialog.getByRole('alert').filter({ hasText: 'plan.changed' }).waitFor()
  await dialog.getByRole('button', { name: '返回' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await first.page.getByRole('button', { name: '取消', exact: true }).click()
  await dialog.getByLabel(/^原因/).fill('二')
  assert.equal(await dialog.getByRole('alert').count(), 0)
  await dialog.getByRole('button', { name: '取消入户' }).click()
  await first.page.getByText('取消原因').waitFor()
  const stale = await first.page.request.post(`/api/visits/${id}/cancel`, {
    headers: { 'x-nuanfang': '1' },
    data: { reason: '旧版', plan_version: 1 },
  })
  assert.equal(stale.status(), 409)
})

test('the board is one tab stop a column: arrows move, Enter opens', async () => {
  const { page } = await screenOf('dispatcher')
  await page.locator('[data-visit]').first().waitFor()
  for (const list of await page.locator('.column ul').all()) {
    assert.ok(await list.locator('[tabindex="0"]').count() <= 1)
  }
  await page.locator('[data-visit][tabindex="0"]').first().focus()
  const at = () => page.evaluate(() => document.activeElement?.getAttribute('data-visit'))
  const first = await at()
  await page.keyboard.press('ArrowRight')
  const beside = await at()
  assert.notEqual(beside, first)
  await page.keyboard.press('ArrowLeft')
  assert.equal(await at(), first)
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/visits/${first}`)
})

test('two thousand visits of a day cost what twenty do', async () => {
  const { page } = await screenOf('dispatcher')
  await page.route('**/api/board', async (route) => {
    const answer = await route.fetch()
    const board = await answer.json()
    const [card] = board.cards
    const states = ['unassigned', 'assigned', 'en_route', 'inside', 'done']
    board.cards = Array.from({ length: 2000 }, (_, i) => ({
      ...card, id: `0193aaaa-0000-7000-8000-${String(i).padStart(12, '0')}`, state: states[i % states.length],
    }))
    await route.fulfill({ response: answer, json: board })
  })
  await page.reload()
  await page.getByText('共 2000').waitFor()
  assert.ok(await page.locator('[data-visit]').count() < 200)
  const list = page.locator('.column.assigned .list')
  await list.evaluate(box => box.scrollTo(0, box.scrollHeight))
  await page.locator('[data-visit="0193aaaa-0000-7000-8000-000000001996"]').waitFor()
})

test('a visit in full: classes of evidence, rooms with a verdict each, time quality, a PDF that proves itself, a photo', async () => {
  const screen = await screenOf('supervisor')
  const { page } = screen
  const id = await visitWith(page, 'document')
  await page.goto(`/visits/${id}`)
  await page.locator('h1').waitFor()
  for (const name of ['自证', '系统证', '他证']) await page.getByRole('heading', { name }).waitFor()
  await page.locator('ol time').first().waitFor()
  assert.match(await page.locator('ol').innerText(), /±\d+ 秒/)
  const link = page.locator('a[href$=".pdf"]').first()
  const pdf = await page.request.get(await link.getAttribute('href'))
  assert.equal(pdf.headers()['content-type'], 'application/pdf')
  assert.equal((await pdf.body()).subarray(0, 5).toString(), '%PDF-')
  await page.getByRole('button', { name: '验真' }).first().click()
  await page.locator('.answer').filter({ hasText: '有效' }).waitFor()
  await page.locator('ul button img').first().click()
  const full = page.getByRole('dialog').locator('img')
  await full.waitFor()
  assert.ok(await full.evaluate(async (image) => {
    await image.decode()
    return image.naturalWidth > 0
  }))
  await page.getByText('与签字记录一致').waitFor()
  await holds(screen, 'the photo')
})

test('work that came late stands in a lane of its own, decided or to be decided', async () => {
  const screen = await screenOf('dispatcher')
  const { page } = screen
  const id = await visitWith(page, 'late')
  assert.ok(id, 'the played day has a late lane')
  await page.goto(`/visits/${id}`)
  const lanes = page.getByRole('group', { name: '选择服务人员的记录' }).getByRole('button')
  await lanes.first().waitFor()
  assert.ok(await lanes.count() > 1)
  await lanes.filter({ hasText: '迟到记录' }).click()
  const decide = page.getByRole('button', { name: '裁定迟到记录' })
  if (await decide.count() > 0) {
    await decide.click()
    await page.getByLabel('作为补充').check()
    await page.getByLabel(/^原因/).fill('示例：现场已完成')
    await page.getByRole('dialog').getByRole('button', { name: '裁定', exact: true }).click()
  }
  await page.getByText(/^裁定：/).waitFor()
  await holds(screen, 'a late lane')
})

test('a masked telephone number is read with a reason, and the audit log says who read it and why', async () => {
  const screen = await screenOf('supervisor')
  const { page } = screen
  await page.goto('/households?q=SL00000219')
  await page.locator('tbody a').first().click()
  await page.getByRole('button', { name: '查看业主电话' }).click()
  const dialog = page.getByRole('dialog')
  await holds(screen, 'unmasking')
  assert.ok(await dialog.getByRole('button', { name: '查看', exact: true }).isDisabled())
  const reason = `示例：回拨 ${Date.now()}`
  await dialog.getByLabel(/^原因/).fill(reason)
  await dialog.getByRole('button', { name: '查看', exact: true }).click()
  await page.locator('dd b').first().waitFor()
  assert.match(await page.locator('dd b').first().innerText(), /^\d{7,}$/)
  await page.goto('/audit')
  await page.getByRole('row').filter({ hasText: reason }).filter({ hasText: '业主电话' }).waitFor()
  await settle(page)
})

test('a register is looked at first: what is wrong stands by row and column, the good rows go in, twice changes nothing', async () => {
  const screen = await screenOf('admin')
  const { page } = screen
  const code = `示例-E2E-${Date.now()}`
  const year = new Date().getFullYear()
  const file = (name, rows) => ({
    name,
    mimeType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    buffer: xlsx('测温设备', [
      ['设备编号', '设备型号', '证书编号', '检定机构', '检定或校准日期', '有效期至', '修正值（℃）', '分辨力（℃）'], ...rows,
    ]),
  })
  const good = [code, '示例型号', '示例证书', '示例机构', `${year}-01-01`, `${year + 1}-12-31`, 0.1, 0.1]
  const bad = [`${code}-2`, '示例型号', '示例证书', '示例机构', '去年', `${year + 1}-12-31`, 0.1, 0.1]

  await page.goto('/import')
  await page.getByRole('button', { name: '测温设备' }).click()
  await page.locator('input[type=file]').setInputFiles({ name: '不是表格.xlsx', mimeType: 'text/plain', buffer: Buffer.from('hello') })
  await page.getByText('文件须先改正').waitFor()
  assert.equal(await page.getByRole('button', { name: /^导入 / }).count(), 0)

  await page.locator('input[type=file]').setInputFiles(file('设备.xlsx', [good, bad]))
  await page.getByText('有问题，未导入').waitFor()
  const problem = page.getByRole('region', { name: '问题明细' }).getByRole('row').filter({ hasText: '去年' })
  assert.match(await problem.innerText(), /3[\s\S]*E[\s\S]*检定或校准日期[\s\S]*去年[\s\S]*日期/)
  await holds(screen, 'an import report')
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('下载问题报告').click()])
  assert.equal((await readFile(await download.path())).subarray(0, 2).toString(), 'PK')
  await page.getByRole('button', { name: /仅导入合格的 1 行/ }).click()
  await page.locator('section[role=status]').getByText('已导入').waitFor()

  await page.locator('input[type=file]').setInputFiles(file('设备.xlsx', [good]))
  await page.getByText('与现有数据一致').waitFor()
  await page.goto('/instruments')
  await page.getByRole('row').filter({ hasText: code }).filter({ hasText: '有效' }).waitFor()
})

test('the expired instrument and the workers who may not be sent stand out', async () => {
  const { page } = await screenOf('supervisor')
  await page.goto('/instruments')
  await page.getByText('已过期').first().waitFor()
  await page.goto('/workers')
  await page.getByText('可派', { exact: true }).first().waitFor()
})

test('an enrolment shows its code, its QR and that one\'s text once', async () => {
  const screen = await screenOf('admin')
  const { page } = screen
  await page.goto('/workers')
  await page.getByRole('button', { name: /^登记手机/ }).last().click()
  await page.getByRole('button', { name: '生成一次性登记码' }).click()
  const picture = page.getByRole('dialog').locator('img')
  await picture.waitFor()
  assert.ok(await picture.evaluate(async (image) => {
    await image.decode()
    return image.naturalWidth > 0
  }))
  const code = await page.locator('[data-code]').innerText()
  assert.notEqual(code, '')
  assert.ok((await page.getByLabel('登记二维码的文字').inputValue()).includes(code))
  await holds(screen, 'an enrolment')
})

test('a phone is revoked in one of two ways, and one whose worker left can still be found stolen', async () => {
  const screen = await screenOf('admin')
  const { page } = screen
  await page.goto('/devices')
  const active = page.getByRole('row').filter({ hasText: '使用中' })
  await active.first().waitFor()
  const before = await active.count()
  const id = await active.last().locator('code').first().getAttribute('title')
  const row = page.getByRole('row').filter({ has: page.locator(`code[title="${id}"]`) })
  await row.getByRole('button', { name: /^停用手机/ }).click()
  await holds(screen, 'revoking')
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('离职停用').check()
  await dialog.getByRole('button', { name: '停用', exact: true }).click()
  await row.filter({ hasText: '离职停用' }).waitFor()
  assert.equal(await active.count(), before - 1)
  await dialog.waitFor({ state: 'hidden' })

  await row.getByRole('button', { name: /^停用手机/ }).click()
  await dialog.getByLabel('遗失停用').check()
  assert.equal(await dialog.getByLabel('离职停用').count(), 0)
  await dialog.getByRole('button', { name: '停用', exact: true }).click()
  await row.filter({ hasText: '遗失停用' }).waitFor()
  assert.equal(await row.getByRole('button').count(), 0)
})

test('an administrator adds a user, resets a password and disables the user', async () => {
  const screen = await screenOf('admin')
  const { page } = screen
  const login = `e2e-${Date.now()}`
  await page.goto('/users')
  await page.getByRole('button', { name: '新增用户' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/^登录名/).fill(login)
  await dialog.getByLabel(/^姓名/).fill('示例·走查')
  await dialog.getByLabel(/^初始密码/).fill('first-secret-word')
  await holds(screen, 'adding a user')
  await dialog.getByRole('button', { name: '新增用户' }).click()
  const row = page.getByRole('row').filter({ hasText: login })
  await row.waitFor()
  const other = await screenOf()
  await logIn(other.page, login, 'first-secret-word')
  await row.getByRole('button', { name: /^停用/ }).click()
  await dialog.getByLabel(/^原因/).fill('示例')
  await dialog.getByRole('button', { name: '停用' }).click()
  await row.filter({ hasText: '已停用' }).waitFor()
  assert.equal((await other.page.request.get('/api/session')).status(), 401)
})

test('seven tabs share one live stream', async () => {
  const { context, page } = await screenOf('dispatcher')
  for (let tab = 0; tab < 7; tab++) {
    const other = await context.newPage()
    await other.goto('/board')
    await other.getByRole('status').filter({ hasText: '实时' }).waitFor()
  }
  await page.getByRole('status').filter({ hasText: '实时' }).waitFor()
})
