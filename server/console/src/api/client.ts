/** The typed door to the server. What it refuses becomes a `Problem` (RFC 9457), which every page knows how to show. */
import createClient, { type Middleware } from 'openapi-fetch'
import { i18n } from '@/i18n'
import type { paths } from './schema'
import type { Schema } from './types'

/** Why the server did not do it. `code` is stable; the words are the server's, in the language of the page. */
export class Problem extends Error {
  override readonly name = 'Problem'

  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly clause: string,
    /** Everything in the way, where there is more than one reason. */
    readonly refusals: readonly Schema<'RefusalView'>[] = [],
    /** After how long the same may be asked again, where the server was too busy to begin. */
    readonly again_ms?: number,
  ) {
    super(detail || title)
  }

  /** The network is gone, or the server. */
  static unreachable(): Problem {
    const { t } = i18n.global
    return new Problem(0, 'unreachable', t('problem.unreachable'), t('problem.unreachableDetail'), '')
  }

  /** Reads the body of a refused request, whatever it is. */
  static async of(response: Response): Promise<Problem> {
    const { t } = i18n.global
    const text = await response.text().catch(() => '')
    let body: Record<string, unknown> = {}
    try {
      const parsed: unknown = JSON.parse(text)
      if (typeof parsed === 'object' && parsed !== null) body = parsed as Record<string, unknown>
    } catch {
      // Not ours: a proxy's page. The status alone speaks.
    }
    const word = (key: string) => typeof body[key] === 'string' ? body[key] : ''
    const code = word('code') || String(response.status)
    const { title, detail } = spoken(code, word('title'), word('detail'))
    return new Problem(
      response.status,
      code,
      title || t('problem.status', { status: response.status }),
      detail,
      word('clause'),
      Array.isArray(body['refusals']) ? body['refusals'] as Schema<'RefusalView'>[] : [],
      code.endsWith('.busy') ? Number(response.headers.get('retry-after') ?? 5) * 1000 : undefined,
    )
  }
}

/** The server's titles are Chinese, a single refusal's detail is its English: what of it to say in which language. */
function spoken(code: string, title: string, detail: string): { title: string, detail: string } {
  const { locale, t, te } = i18n.global
  const chinese = (text: string) => /\p{Script=Han}/u.test(text)
  if (locale.value !== 'en') return { title, detail: chinese(detail) || !chinese(title) ? detail : '' }
  const key = `code.${code.replaceAll('.', '_')}`
  if (te(key, 'en')) return { title: t(key), detail }
  return detail && !chinese(detail) ? { title: detail, detail: '' } : { title, detail }
}

/** Called when the server no longer knows the session. */
let onSignedOut: () => void = () => undefined
export const whenSignedOut = (then: () => void) => {
  onSignedOut = then
}

const refusals: Middleware = {
  async onRequest({ request }) {
    // No page of another site can set this: the server takes no change without it.
    if (request.method !== 'GET') request.headers.set('x-nuanfang', '1')
    request.headers.set('Accept-Language', i18n.global.locale.value)
    return request
  },
  async onResponse({ response, schemaPath }) {
    if (response.ok || response.status === 304) return response
    const problem = await Problem.of(response)
    if (response.status === 401 && schemaPath !== '/api/session') onSignedOut()
    throw problem
  },
  onError({ error }) {
    return error instanceof Problem ? error : Problem.unreachable()
  },
}

export const api = createClient<paths>({
  baseUrl: location.origin,
  credentials: 'same-origin',
  fetch: request => globalThis.fetch(request),
})
api.use(refusals)

/** The body of an answer that has one. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<NonNullable<T>> {
  const { data } = await answer
  if (data === undefined || data === null) throw new Problem(0, 'no_body', i18n.global.t('problem.empty'), '', '')
  return data
}

/** Whatever went wrong, as a Problem. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem(0, 'unexpected', i18n.global.t('problem.unexpected'), error instanceof Error ? error.message : String(error), '')
}
