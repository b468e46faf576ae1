/** Drafts: nothing typed is lost by a reload or an expired session. Kept in this browser until the form is sent. */
import { useDebouncedCallback } from '@mantine/hooks'
import { useState } from 'react'

const PREFIX = 'kml-draft:'

/** The draft kept under ``name``, if any. */
export function readDraft<T>(name: string): Partial<T> | null {
  try {
    const text = localStorage.getItem(PREFIX + name)
    return text === null ? null : (JSON.parse(text) as Partial<T>)
  } catch {
    return null
  }
}

/** Values to begin a form with, and functions to keep and forget what is typed. */
export function useDraft<T extends object>(name: string, initial: T) {
  const [start] = useState(() => ({ ...initial, ...readDraft<T>(name) }))
  const [restored] = useState(() => readDraft<T>(name) !== null)
  const keep = useDebouncedCallback((values: T) => {
    try {
      localStorage.setItem(PREFIX + name, JSON.stringify(values))
    } catch {
      // Storage is full or closed: the form works, only without a draft.
    }
  }, 300)
  const forget = () => {
    keep.cancel()
    localStorage.removeItem(PREFIX + name)
  }
  return { start, restored, keep, forget }
}
