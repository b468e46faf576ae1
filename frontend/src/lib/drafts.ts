/**
 * Drafts: nothing typed is lost by a reload or an expired session. Each tab of the browser has its own; what a tab left
 * behind when it was closed is where the next one begins.
 */
import { useDebouncedCallback } from '@mantine/hooks'
import { useState } from 'react'

const PREFIX = 'kml-draft:'

/** A draft that a closed tab leaves for the next one, in addition to the tab's own. */
interface Left<T> {
  tab: string
  /** Whether that tab still has it open. */
  open: boolean
  values: Partial<T>
}

/** The draft kept under ``name``, if any. */
export function readDraft<T>(name: string): Partial<T> | null {
  const own = read<Partial<T>>(sessionStorage, PREFIX + name)
  if (own !== null) return own
  const left = read<Left<T>>(localStorage, PREFIX + name)
  return left === null || left.open ? null : left.values
}

/** Values to begin a form with, and functions to keep and forget what is typed. */
export function useDraft<T extends object>(name: string, initial: T) {
  const [found] = useState(() => {
    const values = readDraft<T>(name)
    // From now on it is this tab's.
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
    // Storage is full or closed, so the form works without a draft.
  }
}

/** What this tab holds is left to the next one; a reload takes it up again itself. */
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

/** What tells this tab from others, as long as it is open. */
function tabOfThis(): string {
  const known = sessionStorage.getItem('kml-tab')
  if (known !== null) return known
  const tab = Math.random().toString(36).slice(2)
  sessionStorage.setItem('kml-tab', tab)
  return tab
}
