/**
 * Which pages and buttons a role is shown. A courtesy, not a permission: the server decides, and this table only spares people
 * what would refuse them.
 */
import type { Schema } from '@/api/types'

export type Role = Schema<'Role'>

const all = ['dispatcher', 'service', 'billing', 'supervisor', 'auditor', 'admin'] as const satisfies readonly Role[]

const pages = {
  board: ['dispatcher', 'service', 'billing', 'supervisor', 'auditor'],
  tasks: ['dispatcher', 'service', 'supervisor'],
  quarantine: ['dispatcher', 'supervisor', 'auditor', 'admin'],
  households: all,
  prices: all,
  instruments: ['dispatcher', 'service', 'supervisor', 'auditor', 'admin'],
  imports: ['supervisor', 'admin'],
  workers: ['dispatcher', 'service', 'supervisor', 'auditor', 'admin'],
  devices: ['dispatcher', 'supervisor', 'auditor', 'admin'],
  users: ['auditor', 'admin'],
  audit: ['supervisor', 'auditor'],
} as const satisfies Record<string, readonly Role[]>

const acts = {
  schedule: ['dispatcher', 'service', 'supervisor'],
  assign: ['dispatcher', 'supervisor'],
  callBack: ['service', 'supervisor'],
  completeForms: ['supervisor'],
  unmask: ['dispatcher', 'service', 'billing', 'supervisor'],
  unmaskAll: ['service', 'billing', 'supervisor'],
  enrol: ['supervisor', 'admin'],
  revoke: ['supervisor', 'admin'],
  changeUsers: ['admin'],
  seePhotos: ['dispatcher', 'service', 'supervisor', 'auditor'],
} as const satisfies Record<string, readonly Role[]>

/** A page. */
export type Page = keyof typeof pages
/** An act on a page. */
export type Act = keyof typeof acts

export const mayOpen = (role: Role, page: Page): boolean => (pages[page] as readonly Role[]).includes(role)
export const mayDo = (role: Role, act: Act): boolean => (acts[act] as readonly Role[]).includes(role)

/** The first page a role sees after logging in. */
export const firstPage = (role: Role): Page => (Object.keys(pages) as Page[]).find(page => mayOpen(role, page)) ?? 'prices'
