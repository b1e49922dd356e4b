/**
 * The stage of the journeys: a real server with a played day behind it, a real Chromium in front, and an ear for
 * everything a page must not do: console errors, broken security policy, serious axe findings.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]

/** A machine with much else to do takes its time, in milliseconds. */
const PATIENCE = 90_000

/** The demo's logins, one a role, and their password. */
export const logins = { dispatcher: 'diaodu', service: 'kefu', billing: 'shoufei', supervisor: 'zhuguan', auditor: 'shenji', admin: 'admin' }
export const password = 'shili-nuanfang'

/** The pages by their addresses, as a supervisor or administrator sees them. */
export const pages = ['/board', '/tasks', '/quarantine', '/households', '/import', '/price-lists', '/workers', '/devices', '/instruments', '/audit']

function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, '../../../target')
  const path = process.env.NUANFANG_DEMO ?? join(target, 'debug', 'nuanfang-demo')
  assert.ok(existsSync(path), `${path} is not built: cargo build --bins`)
  return path
}

/** Starts the demo on an empty folder and waits until its day is played. `NUANFANG_URL` names a server that runs already. */
export async function startServer() {
  if (process.env.NUANFANG_URL) return { url: process.env.NUANFANG_URL.replace(/\/$/, ''), stop: async () => undefined }
  const data = mkdtempSync(join(tmpdir(), 'nuanfang-console-'))
  const child = spawn(binary(), ['--data', join(data, 'data'), '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise(done => child.once('exit', done))
  const url = await new Promise((found, failed) => {
    ended.then(code => failed(new Error(`the demo ended with ${code} before it served`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const address = /console\s+(http:\/\/[^/\s]+)/.exec(line)?.[1]
      if (address) found(address)
    })
  })
  return {
    url,
    stop: async () => {
      child.kill('SIGINT')
      const code = await ended
      rmSync(data, { recursive: true, force: true })
      assert.equal(code, 0, 'the server drains and ends well')
    },
  }
}

/** A Chromium in the language of the console. */
export const launch = (locale = 'zh-CN') =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...flags, `--lang=${locale}`], timeout: PATIENCE })

/** A dispatcher's screen: 1280×800, somewhere that is not Shanghai, so that no time depends on the browser's zone. */
export async function openScreen(browser, url, { locale = 'zh-CN', text = 100 } = {}) {
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width: 1280, height: 800 },
    locale,
    timezoneId: 'Europe/Berlin',
    reducedMotion: 'reduce',
  })
  context.setDefaultTimeout(PATIENCE)
  const faults = []
  await context.addInitScript(([language, size]) => {
    if (!localStorage.getItem('locale')) localStorage.setItem('locale', language)
    if (!localStorage.getItem('text')) localStorage.setItem('text', size)
    document.addEventListener('securitypolicyviolation', event => console.error(`CSP ${event.violatedDirective} ${event.blockedURI}`))
  }, [locale, String(text)])
  const page = await context.newPage()
  listen(page, faults)
  context.on('page', other => other === page || listen(other, faults))
  return { context, page, faults }
}

function listen(page, faults) {
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`${message.text()} (${message.location().url})`)
  })
  page.on('pageerror', error => faults.push(error.message))
}

/** Logs in through the page, as a person does. */
export async function logIn(page, login, word = password) {
  await page.goto('/login')
  await page.locator('[name=login]').fill(login)
  await page.locator('[name=password]').fill(word)
  await page.keyboard.press('Enter')
  await page.waitForURL(address => !address.pathname.startsWith('/login'))
  await page.locator('h1').first().waitFor()
}

/** Waits until the page has nothing more under way and stands still. */
export async function settle(page) {
  await page.waitForFunction(() => !document.querySelector('.page-empty[role=status], .is-loading, .el-loading-mask'))
  await page.evaluate(() => Promise.all(document.getAnimations().map(animation => animation.finished.catch(() => undefined))))
}

/** What axe holds against the page, serious or critical. */
export async function offences(page) {
  return page.evaluate(async ([source, runOnly]) => {
    if (!window.axe) (0, eval)(source)
    const { violations } = await window.axe.run(document, { runOnly })
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id} ×${nodes.length}: ${nodes[0].html.slice(0, 160)}`)
  }, [axeSource, rules])
}

/** No serious offence, nothing wider than the screen, nothing on the console. */
export async function holds(screen, where) {
  await settle(screen.page)
  assert.deepEqual(await offences(screen.page), [], `axe on ${where}`)
  const wider = await screen.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  assert.ok(wider <= 0, `${where} is ${wider} px wider than the screen`)
  assert.deepEqual(screen.faults, [], `console on ${where}`)
}
