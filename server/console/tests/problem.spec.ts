import { afterEach, expect, it, vi } from 'vitest'
import { api, body, Problem, problemOf, whenSignedOut } from '@/api/client'
import { speak } from '@/i18n'

afterEach(() => vi.unstubAllGlobals())
const answer = (status: number, text: string) => vi.stubGlobal('fetch', vi.fn(async () => new Response(text, { status })))
const refused = async (request: Promise<{ data?: unknown }>): Promise<Problem> =>
  body(request).then(() => expect.unreachable(), (error: unknown) => problemOf(error))

it('speaks the language of the page when the server has both', async () => {
  const refusal = { code: 'worker.untrained', clause: '6.1.2', zh: '学时不足', en: 'too few hours' }
  const gate = JSON.stringify({ code: 'dispatch.refused', title: '不能派工：学时不足', refusals: [refusal] })
  const decided = JSON.stringify({ code: 'lane.decided', title: '已裁定' })
  const single = JSON.stringify({ code: 'visit.too_early', title: '尚未约定', detail: 'no appointment', clause: 'F.1' })
  await speak('en')
  answer(409, gate)
  expect(await refused(api.GET('/api/board'))).toMatchObject({ title: 'This worker can\'t be sent', refusals: [refusal] })
  answer(409, decided)
  expect(await refused(api.GET('/api/board'))).toMatchObject({ title: 'Somebody else has decided about this part: go back and look at it' })
  answer(422, single)
  expect(await refused(api.GET('/api/board'))).toMatchObject({ title: 'no appointment', detail: '', clause: 'F.1' })
  await speak('zh-CN')
  answer(409, gate)
  expect(await refused(api.GET('/api/board'))).toMatchObject({ status: 409, title: '不能派工：学时不足' })
  answer(422, single)
  expect(await refused(api.GET('/api/board'))).toMatchObject({ title: '尚未约定', detail: '', clause: 'F.1' })
})

it('makes a problem of a proxy\'s page and of no network', async () => {
  answer(502, '<html>Bad gateway</html>')
  expect(await refused(api.GET('/api/board'))).toMatchObject({ status: 502, code: '502' })
  vi.stubGlobal('fetch', vi.fn(async () => Promise.reject(new TypeError('failed'))))
  expect(await refused(api.GET('/api/board'))).toMatchObject({ status: 0, code: 'unreachable' })
})

it('tells when the session is over, but not when a password is wrong', async () => {
  const over = vi.fn()
  whenSignedOut(over)
  answer(401, '{"code":"auth.wrong"}')
  await refused(api.POST('/api/session', { body: { login: 'a', password: 'b' } }))
  expect(over).not.toHaveBeenCalled()
  answer(401, '{"code":"auth.required"}')
  await refused(api.GET('/api/board'))
  expect(over).toHaveBeenCalledOnce()
})

it('marks every change, so that the server can tell it from a stranger\'s form', async () => {
  const fetched = vi.fn(async (_request: Request) => new Response('{}', { status: 200 }))
  vi.stubGlobal('fetch', fetched)
  await api.DELETE('/api/session')
  await api.GET('/api/board')
  expect(fetched.mock.calls.map(([request]) => request.headers.get('x-nuanfang'))).toEqual(['1', null])
})
