/** Labels of the printed forms that go over the wire as they are printed, whatever language the page speaks. */
import zh from '@/i18n/zh-CN.json'

export const printed = { supervisor: zh.documents.supervisor } as const
