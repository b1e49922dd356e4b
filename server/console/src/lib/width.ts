/** How wide the window is in rem: what decides about columns once text may be larger than the window expects. */
import { readonly, ref } from 'vue'

const rems = ref(80)

function measure(): void {
  rems.value = window.innerWidth / (parseFloat(getComputedStyle(document.documentElement).fontSize) || 16)
}

window.addEventListener('resize', measure)
new MutationObserver(measure).observe(document.documentElement, { attributeFilter: ['style'] })
measure()

/** Width of the window in rem. */
export const windowRems = readonly(rems)
