/** What somebody set for this browser: language and size of text. A browser that keeps nothing gets the defaults. */

export type Locale = 'zh-CN' | 'en'
export const locales: readonly Locale[] = ['zh-CN', 'en']
export const textSizes = [100, 115, 130] as const
export type TextSize = typeof textSizes[number]

const read = (key: string): string | null => {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

const write = (key: string, value: string) => {
  try {
    localStorage.setItem(key, value)
  } catch {
    // A browser in private mode: it holds until the page closes.
  }
}

export const preferredLocale = (): Locale => read('locale') === 'en' ? 'en' : 'zh-CN'
export const preferLocale = (locale: Locale) => write('locale', locale)

/** Whether somebody logged in here and did not log out: spares a request that would only be refused. */
export const mayBeLoggedIn = (): boolean => read('logged-in') === 'yes'
export const rememberLoggedIn = (yes: boolean) => write('logged-in', yes ? 'yes' : 'no')

export const preferredTextSize = (): TextSize => textSizes.find(size => String(size) === read('text')) ?? 100

/** Columns of the board that are folded away; nothing when somebody has not said so yet. */
export const foldedColumns = (): string[] | undefined => read('folded')?.split(' ').filter(Boolean)
export const foldColumns = (keys: readonly string[]) => write('folded', keys.join(' '))

/** Sets the size of all text, relative to what the browser is set to. */
export function applyTextSize(size: TextSize): void {
  document.documentElement.style.fontSize = size === 100 ? '' : `${size}%`
}

export function preferTextSize(size: TextSize): void {
  write('text', String(size))
  applyTextSize(size)
}
