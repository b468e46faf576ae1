/** Keys of the frame: `g` and a room's key, `?` for the sheet. What a key means is a pure function of the one before. */
import { ROOMS } from './navigation'

export type Meaning = { kind: 'go'; to: string } | { kind: 'sheet' } | { kind: 'prefix' } | null

/** How long after `g` the second key counts. */
export const PREFIX_MS = 1_500

export interface Key {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
}

/** What ``key`` means after ``g`` (``afterPrefix``) or alone; null: nothing. */
export function meaningOf(key: Key, afterPrefix: boolean): Meaning {
  if (key.ctrlKey || key.metaKey || key.altKey) return null
  if (afterPrefix) {
    const room = ROOMS.find((candidate) => candidate.key === key.key.toLowerCase())
    return room ? { kind: 'go', to: room.to } : null
  }
  if (key.key === '?') return { kind: 'sheet' }
  return key.key === 'g' ? { kind: 'prefix' } : null
}

/** Whether an element takes what is typed, so that no key is a shortcut. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return (
    target.isContentEditable ||
    target.closest('input, textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"], .cm-editor') !==
      null
  )
}
