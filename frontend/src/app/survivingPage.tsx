/**
 * Pages whose code is loaded when they are opened, at a time when the platform may be unavailable. TanStack reloads the
 * document then, which replaces the product with the browser's error page. Here the frame stays and tries again until
 * the platform answers. The document is reloaded only if the platform answers that it has no such code, because a newer
 * version is installed.
 */
import { type ComponentType, createElement, use } from 'react'

/** A page as ``lazyRouteComponent`` makes it. TanStack removes ``preload`` once the code has been loaded. */
export type LazyPage = ComponentType<Record<string, unknown>> & { preload?: (() => Promise<void>) | undefined }

const AGAIN_MS = 2_000

/** Wrap ``page`` so that it waits for the platform. ``answers`` resolves to whether the platform is available. */
export function surviving(page: LazyPage, answers: () => Promise<boolean> = platformAnswers): LazyPage {
  let loading: Promise<void> | undefined
  let gone = false
  const load = async () => {
    for (let before = false; page.preload; ) {
      await page.preload()
      if (!page.preload) break
      const there = await answers()
      if (there && before) {
        gone = true
        break
      }
      before = there
      if (!there) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
    }
    Surviving.preload = undefined
  }
  const Surviving: LazyPage = (props) => {
    // A page whose code the platform no longer has is drawn without preloading, because TanStack's lazy page then
    // reloads the document.
    if (page.preload && !gone) use(preload())
    return createElement(page, props)
  }
  const preload = () => {
    loading ??= load()
    return loading
  }
  Surviving.preload = preload
  return Surviving
}

async function platformAnswers(): Promise<boolean> {
  try {
    return (await fetch('/api/health/live/', { cache: 'no-store' })).ok
  } catch {
    return false
  }
}
