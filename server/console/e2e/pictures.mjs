/** Takes the pictures of the README from a played day, and shows that each can be had. Needs pdftoppm for the form. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { launch, logIn, logins, openScreen, settle, startServer } from './stage.mjs'

const folder = resolve(import.meta.dirname, '../../../docs/pictures')
mkdirSync(folder, { recursive: true })
const server = await startServer()
const browser = await launch()
const { page } = await openScreen(browser, server.url)
await logIn(page, logins.supervisor)

/** The visits of the day in full. */
const visits = await page.evaluate(async () => {
  const { cards } = await (await fetch('/api/board')).json()
  return Promise.all(cards.map(async card => (await fetch(`/api/visits/${card.id}`)).json()))
})
const repair = visits.find(visit => visit.lanes.some(lane => lane.quotes.length > 1))
const late = visits.find(visit => visit.lanes.some(lane => lane.late && lane.decision))
for (const [name, path] of [
  ['board', '/board'],
  ['visit-repair', `/visits/${repair.card.id}`],
  ['visit-late', `/visits/${late.card.id}`],
  ['phones', '/devices'],
]) {
  await page.goto(path)
  await page.locator('[data-visit], dl, table').first().waitFor()
  await settle(page)
  await page.screenshot({ path: join(folder, `${name}.png`) })
}

const form = visits.flatMap(visit => visit.documents).find(one => one.kind === 'measurement' && one.ready && one.completed.length > 0)
const pdf = await (await page.request.get(`/api/documents/${form.id}.pdf`)).body()
const desk = mkdtempSync(join(tmpdir(), 'nuanfang-pictures-'))
writeFileSync(join(desk, 'c1.pdf'), pdf)
execFileSync('pdftoppm', ['-r', '80', '-png', '-singlefile', join(desk, 'c1.pdf'), join(folder, 'c1')])
rmSync(desk, { recursive: true })
await browser.close()
await server.stop()
