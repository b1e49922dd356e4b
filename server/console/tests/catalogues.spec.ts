import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import en from '@/i18n/en.json'
import zh from '@/i18n/zh-CN.json'

type Tree = { [key: string]: string | Tree }
const texts = (tree: Tree, at = ''): [string, string][] => Object.entries(tree).flatMap(([key, value]) =>
  typeof value === 'string' ? [[at + key, value] as [string, string]] : texts(value, `${at}${key}.`))
const chinese = new Map(texts(zh))
const english = new Map(texts(en))
const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter(path => /\.(ts|vue)$/.test(path) && !path.endsWith('schema.d.ts'))
  .map(path => readFileSync(join('src', path), 'utf8'))
  .join('\n')

it('has the same keys in both catalogues', () => {
  expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort())
})

it('leaves no text empty and names the same values in both languages', () => {
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(match => match[1]).sort()
  for (const [key, text] of chinese) {
    expect(text, key).not.toBe('')
    expect(english.get(key), key).not.toBe('')
    expect(names(english.get(key) ?? ''), key).toEqual(names(text))
  }
})

it('has every text that the pages ask for by name', () => {
  const asked = [...sources.matchAll(/\bt\('([^']+)'/g)].map(match => match[1] ?? '')
  expect(asked.length).toBeGreaterThan(200)
  for (const key of asked) expect(chinese.has(key), key).toBe(true)
})

it('keeps no text that nobody asks for', () => {
  const asked = new Set([...sources.matchAll(/['"`](\w+(?:\.\w+)*)['"`]/g)].map(match => match[1]))
  const family = /[`'](\w+)\.\$\{|word\('(\w+)'|title: `(\w+)\./g
  const families = new Set([...sources.matchAll(family)].map(match => match[1] ?? match[2] ?? match[3]))
  const idle = [...chinese.keys()].filter(key => !asked.has(key) && !families.has(key.split('.')[0] ?? ''))
  expect(idle).toEqual([])
})
