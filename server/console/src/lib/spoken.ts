/** Texts that the server sends in both languages. */
import { useI18n } from 'vue-i18n'

/** Picks the text in the language of the page. */
export function useSpoken(): { spoken: (text: { zh: string, en: string }) => string } {
  const { locale } = useI18n()
  return { spoken: text => locale.value === 'en' ? text.en : text.zh }
}
