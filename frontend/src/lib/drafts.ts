/**
 * Drafts of forms, so that a reload or an expired session loses nothing typed. Each tab of the browser has its own. A
 * new tab starts with the drafts of the last closed one.
 */
import { useDebouncedCallback } from '@mantine/hooks'
import { useState } from 'react'

const PREFIX = 'kml-draft:'

/** The copy of a draft that outlives its tab and is offered to the next one. */
interface Left<T> {
  tab: string
  /** Whether the tab is still open. */
  open: boolean
  values: Partial<T>
}

/** The draft stored under ``name``; null when there is none. */
export function readDraft<T>(name: string): Partial<T> | null {
  const own = read<Partial<T>>(sessionStorage, PREFIX + name)
  if (own !== null) return own
  const left = read<Left<T>>(localStorage, PREFIX + name)
  return left === null || left.open ? null : left.values
}

/** The first values of a form, with functions that keep and forget what the user types. */
export function useDraft<T extends object>(name: string, initial: T) {
  const [found] = useState(() => {
    const values = readDraft<T>(name)
    // A draft taken over from a closed tab belongs to this tab from now on.
    if (values !== null) keepNow(name, values)
    return values
  })
  const [start] = useState(() => ({ ...initial, ...found }))
  const keep = useDebouncedCallback((values: T) => keepNow(name, values), 300)
  const forget = () => {
    keep.cancel()
    const key = PREFIX + name
    sessionStorage.removeItem(key)
    if (read<Left<T>>(localStorage, key)?.tab === tabOfThis()) localStorage.removeItem(key)
  }
  return { start, restored: found !== null, keep, forget }
}

function keepNow(name: string, values: object, open = true): void {
  try {
    sessionStorage.setItem(PREFIX + name, JSON.stringify(values))
    localStorage.setItem(PREFIX + name, JSON.stringify({ tab: tabOfThis(), open, values }))
  } catch {
    // Without storage (full or blocked) the form works without a draft.
  }
}

/** Offer the drafts of this tab to the next one. A reloaded tab takes its own drafts up again. */
export function leaveDrafts(): void {
  for (const key of Object.keys(sessionStorage)) {
    const values = key.startsWith(PREFIX) ? read<object>(sessionStorage, key) : null
    if (values !== null) keepNow(key.slice(PREFIX.length), values, false)
  }
}
window.addEventListener('pagehide', leaveDrafts)

function read<T>(storage: Storage, key: string): T | null {
  try {
    const text = storage.getItem(key)
    return text === null ? null : (JSON.parse(text) as T)
  } catch {
    return null
  }
}

/** An id of this tab, the same for as long as the tab is open. */
function tabOfThis(): string {
  const known = sessionStorage.getItem('kml-tab')
  if (known !== null) return known
  const tab = Math.random().toString(36).slice(2)
  sessionStorage.setItem('kml-tab', tab)
  return tab
}
