import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { i18n, speak } from '@/i18n'
import codes from '@/i18n/codes.en.json'
import en from '@/i18n/en.json'
import zh from '@/i18n/zh-CN.json'

type Tree = { [key: string]: string | Tree }
const texts = (tree: Tree, at = ''): [string, string][] => Object.entries(tree).flatMap(([key, value]) =>
  typeof value === 'string' ? [[at + key, value] as [string, string]] : texts(value, `${at}${key}.`))
const chinese = new Map(texts(zh))
const english = new Map(texts(en))
const read = (folder: string, which: (path: string) => boolean) => readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter(which)
  .map(path => readFileSync(join(folder, path), 'utf8'))
  .join('\n')
const sources = read('src', path => /\.(ts|vue)$/.test(path) && !path.endsWith('schema.d.ts'))

it('has the same keys in both catalogues', () => {
  expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort())
})

it('leaves no text empty and names the same values in both languages', () => {
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(match => match[1]).sort()
  const forms = (text: string) => text.split(' | ')
  for (const [key, text] of chinese) {
    expect(text, key).not.toBe('')
    expect(english.get(key), key).not.toBe('')
    expect(forms(text), key).toHaveLength(1)
    for (const form of forms(english.get(key) ?? '')) expect(names(form), key).toEqual(names(text))
  }
})

it('counts one in English as one', async () => {
  const many = /\{n\} (?:\w+ )?\w{2,}s\b/
  const counting = [...english].filter(([, text]) => many.test(text))
  expect(counting.length).toBeGreaterThan(10)
  for (const [key, text] of counting) expect(text, key).toContain(' | ')
  await speak('en')
  const { t } = i18n.global
  expect([0, 1, 2].map(n => t('device.ops', { n }))).toEqual(['0 operations', '1 operation', '2 operations'])
  expect(t('device.files', { n: 1, size: '7 B' })).toBe('1 file, 7 B')
  for (const [key] of counting) expect(t(key, { n: 1 }), key).not.toMatch(/\b1 (?:\w+ )?\w{2,}s\b/)
  await speak('zh-CN')
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

it('says in English each code that the server refuses the office with, and no other', () => {
  // The routes of phones stand in a folder and a file of their own.
  const server = read('../src/http', path => path.endsWith('.rs') && !/^(device|permission\.rs)|tests/.test(path))
  const made = /\b(?:Problem|Self)::\w+\(\s*(?:[\w:.()]+,\s*)?"([\w.]+)"|\bcode: "([\w.]+)"/g
  const sent = new Set([...server.matchAll(made)].map(match => match[1] ?? match[2] ?? ''))
  // The gate turns phones away too.
  const office = [...sent].filter(code => !/^(blob|device\.too_)/.test(code))
  expect(Object.keys(codes).sort()).toEqual(office.map(code => code.replaceAll('.', '_')).sort())
})
