/** Two catalogues with the same keys: zh-CN in the bundle, English fetched when somebody asks for it. */
import type { Language } from 'element-plus/es/locale'
import zhElement from 'element-plus/es/locale/lang/zh-cn'
import { shallowRef } from 'vue'
import { createI18n } from 'vue-i18n'
import { preferLocale, preferredLocale, type Locale } from '@/lib/preferences'
import zh from './zh-CN.json'

export const i18n = createI18n({ legacy: false, locale: 'zh-CN' as Locale, fallbackLocale: 'zh-CN', messages: { 'zh-CN': zh } as Record<Locale, typeof zh> })

/** Element Plus's own words. */
export const elementLocale = shallowRef<Language>(zhElement)

/** Shows everything in `locale`, and remembers it. */
export async function speak(locale: Locale): Promise<void> {
  if (locale === 'en') {
    const [messages, codes, element] = await Promise.all([
      import('./en.json'),
      import('./codes.en.json'),
      import('element-plus/es/locale/lang/en'),
    ])
    i18n.global.setLocaleMessage('en', { ...messages.default, code: codes.default } as typeof zh)
    elementLocale.value = element.default
  } else {
    elementLocale.value = zhElement
  }
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
  preferLocale(locale)
}

/** What this browser asked for last. */
export const speakPreferred = () => speak(preferredLocale())
