import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
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

it('says in English each code that the server refuses the office with, and no other', () => {
  // The routes of phones stand in a folder and a file of their own.
  const server = read('../src/http', path => path.endsWith('.rs') && !/^(device|permission\.rs)|tests/.test(path))
  const made = /\b(?:Problem|Self)::\w+\(\s*(?:[\w:.()]+,\s*)?"([\w.]+)"|\bcode: "([\w.]+)"/g
  const sent = new Set([...server.matchAll(made)].map(match => match[1] ?? match[2] ?? ''))
  // The gate turns phones away too.
  const office = [...sent].filter(code => !/^(blob|device\.too_)/.test(code))
  expect(Object.keys(codes).sort()).toEqual(office.map(code => code.replaceAll('.', '_')).sort())
})
