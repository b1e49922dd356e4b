/**
 * When the board is painted: `node paint.mjs URL LOGIN PASSWORD VISITS` prints, in milliseconds from the beginning of a
 * navigation with nothing in the cache, the first contentful paint, when all visits are counted and every open column
 * is laid out, and the first contentful paint of the server's smallest page. One line of JSON, for `make bench`.
 */
import assert from 'node:assert/strict'
import { launch, openScreen } from './stage.mjs'

const [url, login, password, visits] = process.argv.slice(2)

/** Runs before the page's own code: notes the first frame in which the board stands. */
function watch(wanted) {
  const look = () => {
    const columns = [...document.querySelectorAll('.columns > .column')]
    const counted = columns.reduce((sum, column) => sum + Number(column.querySelector('.count')?.textContent), 0)
    const full = columns.every((column) => {
      const list = column.querySelector('.list')
      const count = Number(column.querySelector('.count')?.textContent)
      if (!list || count === 0) return true
      const rows = [...list.querySelectorAll('[data-visit]')]
      const last = rows.at(-1)?.getBoundingClientRect().bottom
      return rows.length === count || last >= list.getBoundingClientRect().bottom
    })
    // The callback comes before its frame is drawn, the next one after.
    requestAnimationFrame(counted === wanted && full ? note : look)
  }
  const note = () => {
    window.stands = performance.now()
  }
  requestAnimationFrame(look)
}

async function paint(page) {
  return page.evaluate(() => new Promise((painted) => {
    const seen = list => list.getEntriesByName('first-contentful-paint')[0]?.startTime
    const known = seen(performance)
    if (known !== undefined) painted(known)
    else new PerformanceObserver(list => seen(list) !== undefined && painted(seen(list))).observe({ type: 'paint', buffered: true })
  }))
}

const browser = await launch()
try {
  const { page } = await openScreen(browser, url)
  await page.goto('/v1/time')
  const probe = await paint(page)
  const status = await page.evaluate(async (body) => {
    const headers = { 'content-type': 'application/json', 'x-nuanfang': '1' }
    // The console asks who is logged in only where somebody was.
    localStorage.setItem('logged-in', 'yes')
    return (await fetch('/api/session', { method: 'POST', headers, body: JSON.stringify(body) })).status
  }, { login, password })
  assert.equal(status, 200, 'logged in')
  await page.addInitScript(watch, Number(visits))
  await page.goto('/board')
  await page.waitForFunction(() => window.stands !== undefined)
  const stands = await page.evaluate(() => window.stands)
  console.log(JSON.stringify({ paint: await paint(page), stands, probe }))
} finally {
  await browser.close()
}
