/** Takes the pictures of the README from a played day. */
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { launch, logIn, logins, openScreen, settle, startServer } from './stage.mjs'

const folder = resolve(import.meta.dirname, '../../../docs/pictures')
mkdirSync(folder, { recursive: true })
const server = await startServer()
const browser = await launch()
const { page } = await openScreen(browser, server.url)
await logIn(page, logins.supervisor)
await page.locator('[data-visit]').first().waitFor()
const visit = await page.locator('.over [data-visit]').first().getAttribute('href')
for (const [name, path] of [['console-board', '/board'], ['console-visit', visit], ['console-phones', '/devices']]) {
  await page.goto(path)
  await page.locator('[data-visit], dl, table').first().waitFor()
  await settle(page)
  await page.screenshot({ path: resolve(folder, `${name}.png`) })
}
await browser.close()
await server.stop()
