/** The name of the browser's tab: what is shown, then the product. */
import { useEffect } from 'react'

/** Name the tab while the component is shown; undefined leaves the frame's own name, made of the address. */
export function usePageTitle(title: string | undefined): void {
  const path = window.location.pathname
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page of the same title names the tab again
  useEffect(() => {
    if (title) document.title = `${title} · Kafka-ML`
  }, [title, path])
}
