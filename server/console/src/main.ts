import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { i18n, speakPreferred } from './i18n'
import { applyTextSize, preferredTextSize } from './lib/preferences'
import { router } from './router'
import './styles/base.css'
import './styles/element.css'

applyTextSize(preferredTextSize())
await speakPreferred()
createApp(App).use(createPinia()).use(i18n).use(router).mount('#app')
