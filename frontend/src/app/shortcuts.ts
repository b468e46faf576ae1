/**
 * Keys of the frame: `g` and a room's key, `?` for the sheet. The meaning of a key depends only on the key before it.
 */
import { ROOMS } from './navigation'

export type Meaning = { kind: 'go'; to: string } | { kind: 'sheet' } | { kind: 'prefix' } | null

/** Longest pause in milliseconds between `g` and the room's key. */
export const PREFIX_MS = 1_500

export interface Key {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
}

/** What ``key`` does alone, or after ``g`` when ``afterPrefix`` is set; null when it does nothing. */
export function meaningOf(key: Key, afterPrefix: boolean): Meaning {
  if (key.ctrlKey || key.metaKey || key.altKey) return null
  if (afterPrefix) {
    const room = ROOMS.find((candidate) => candidate.key === key.key.toLowerCase())
    return room ? { kind: 'go', to: room.to } : null
  }
  if (key.key === '?') return { kind: 'sheet' }
  return key.key === 'g' ? { kind: 'prefix' } : null
}

/** Whether an element accepts typed text. Shortcuts are off while such an element has the focus. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return (
    target.isContentEditable ||
    target.closest('input, textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"], .cm-editor') !==
      null
  )
}
