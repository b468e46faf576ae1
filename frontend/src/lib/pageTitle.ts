/** Sets the title of the browser's tab: the page's subject, then the product. */
import { useEffect } from 'react'

/** Set the title while the component is mounted. For undefined the frame's title, made from the address, stays. */
export function usePageTitle(title: string | undefined): void {
  const path = window.location.pathname
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page of the same title names the tab again
  useEffect(() => {
    if (title) document.title = `${title} · Kafka-ML`
  }, [title, path])
}
