import { useEffect, useRef } from 'react'

/** Scrolls the chosen tab of a wide list of tabs into view without scrolling the page. */
export function useActiveTabInView(tab: string | undefined) {
  const list = useRef<HTMLDivElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another tab is chosen
  useEffect(() => {
    const box = list.current
    const chosen = box?.querySelector<HTMLElement>('[aria-selected=true]')
    if (!box || !chosen) return
    const [left, right] = [chosen.offsetLeft - box.offsetLeft, chosen.offsetLeft - box.offsetLeft + chosen.offsetWidth]
    if (left < box.scrollLeft || right > box.scrollLeft + box.clientWidth) {
      box.scrollLeft = left - (box.clientWidth - chosen.offsetWidth) / 2
    }
  }, [tab, list.current])
  return list
}
