/** Listens to the frame's keys while the frame is shown. */
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { isTyping, meaningOf, PREFIX_MS } from './shortcuts'

export function useShortcuts({ onPalette, onSheet }: { onPalette: () => void; onSheet: () => void }): void {
  const navigate = useNavigate()
  const handlers = useRef({ onPalette, onSheet })
  useEffect(() => {
    handlers.current = { onPalette, onSheet }
  })
  useEffect(() => {
    let prefixAt = Number.NEGATIVE_INFINITY
    const listener = (event: KeyboardEvent) => {
      // Ctrl/Cmd+K works everywhere, also while typing.
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        event.stopPropagation()
        handlers.current.onPalette()
        return
      }
      if (isTyping(event.target)) return
      const meaning = meaningOf(event, event.timeStamp - prefixAt < PREFIX_MS)
      prefixAt = meaning?.kind === 'prefix' ? event.timeStamp : Number.NEGATIVE_INFINITY
      if (meaning === null || meaning.kind === 'prefix') return
      event.preventDefault()
      if (meaning.kind === 'sheet') handlers.current.onSheet()
      else void navigate({ to: meaning.to })
    }
    // The listener captures the event, so that it runs before editors, which have shortcuts of their own.
    document.addEventListener('keydown', listener, { capture: true })
    return () => document.removeEventListener('keydown', listener, { capture: true })
  }, [navigate])
}
