/** The pages by their addresses. Each is fetched when first opened. */
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { whenSignedOut } from '@/api/client'
import { firstPage, type Page } from '@/lib/roles'
import { useSession } from '@/stores/session'

declare module 'vue-router' {
  interface RouteMeta {
    /** Which row of the table of roles it stands under; none = open to everybody. */
    page?: Page
    /** Key of its title. */
    title: string
  }
}

const page = (name: Page, path: string, component: RouteRecordRaw['component']): RouteRecordRaw =>
  ({ path, name, component, meta: { page: name, title: `nav.${name}` } }) as RouteRecordRaw

export const router = createRouter({
  history: createWebHistory(),
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  routes: [
    { path: '/login', name: 'login', component: () => import('@/pages/LoginPage.vue'), meta: { title: 'login.title' } },
    page('board', '/board', () => import('@/pages/BoardPage.vue')),
    {
      path: '/visits/:id',
      name: 'visit',
      component: () => import('@/pages/VisitPage.vue'),
      props: true,
      meta: { page: 'board', title: 'visit.title' },
    },
    page('tasks', '/tasks', () => import('@/pages/TasksPage.vue')),
    page('quarantine', '/quarantine', () => import('@/pages/QuarantinePage.vue')),
    page('households', '/households', () => import('@/pages/HouseholdsPage.vue')),
    {
      path: '/households/:id',
      name: 'household',
      component: () => import('@/pages/HouseholdPage.vue'),
      props: true,
      meta: { page: 'households', title: 'household.title' },
    },
    page('imports', '/import', () => import('@/pages/ImportPage.vue')),
    page('prices', '/price-lists', () => import('@/pages/PricesPage.vue')),
    page('workers', '/workers', () => import('@/pages/WorkersPage.vue')),
    page('devices', '/devices', () => import('@/pages/DevicesPage.vue')),
    page('instruments', '/instruments', () => import('@/pages/InstrumentsPage.vue')),
    page('users', '/users', () => import('@/pages/UsersPage.vue')),
    page('audit', '/audit', () => import('@/pages/AuditPage.vue')),
    { path: '/', name: 'home', component: () => import('@/pages/BoardPage.vue'), meta: { title: 'nav.board' } },
    { path: '/:rest(.*)*', name: 'nowhere', component: () => import('@/pages/NowherePage.vue'), meta: { title: 'nowhere.title' } },
  ],
})

router.beforeEach(async (to) => {
  const session = useSession()
  await session.check()
  if (to.name === 'login') return true
  if (!session.role) return { name: 'login', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
  if (to.name === 'home') return { name: firstPage(session.role) }
  return true
})

whenSignedOut(() => {
  const session = useSession()
  const at = router.currentRoute.value
  session.forget()
  if (at.name !== 'login') void router.replace({ name: 'login', query: { to: at.fullPath } })
})
