/**
 * A large picture in a scrolling window. It is zoomed by buttons, keys and Ctrl with the wheel, and moved by dragging.
 */
import { ActionIcon, Button, Group } from '@mantine/core'
import { useViewportSize } from '@mantine/hooks'
import { IconMinus, IconPlus } from '@tabler/icons-react'
import {
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from 'react'
import classes from './picture.module.css'

const LEAST = 0.3
const MOST = 2.5
const STEP = 1.2
/** The least scale at which a picture is fitted into the window; smaller text would be illegible. */
const LEAST_FITTING = 0.6
/** Pixels of the window's height reserved for what stands above and below the picture. */
const AROUND = 250

export function Zoomable({
  width,
  height,
  label,
  children,
}: {
  /** Size of the content, unscaled. */
  width: number
  height: number
  /** Describes the content to screen readers. */
  label: string
  children: ReactNode
}) {
  const view = useRef<HTMLDivElement>(null)
  const [chosen, setChosen] = useState<number | null>(null)
  const [room, setRoom] = useState(width)
  const { height: windowHeight } = useViewportSize()
  const most = Math.max(windowHeight - AROUND, 320)
  const scale = chosen ?? fitting(room / width, most / height)
  // The scroll position to set once the new size is drawn.
  const target = useRef<{ left: number; top: number } | null>(null)

  useLayoutEffect(() => {
    const element = view.current
    if (element && element.clientWidth > 0) setRoom(element.clientWidth)
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is another size that moves the window
  useLayoutEffect(() => {
    if (target.current && view.current) Object.assign(view.current, scrolled(target.current))
    target.current = null
  }, [scale])

  /**
   * Zoom by ``factor``. ``at`` is the point that stays in place, relative to the corner of the window; the middle by
   * default.
   */
  const zoom = (factor: number, at?: { x: number; y: number }) => {
    const element = view.current
    if (!element) return
    const next = Math.min(Math.max(scale * factor, LEAST), MOST)
    const { x, y } = at ?? { x: element.clientWidth / 2, y: element.clientHeight / 2 }
    target.current = {
      left: ((element.scrollLeft + x) * next) / scale - x,
      top: ((element.scrollTop + y) * next) / scale - y,
    }
    setChosen(next)
  }

  const latest = useRef(zoom)
  useEffect(() => {
    latest.current = zoom
  })
  useEffect(() => {
    const element = view.current
    // The listener is added by hand, because React's passive one cannot keep the browser from zooming the whole page.
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect()
      latest.current(Math.exp(-event.deltaY * 0.002), { x: event.clientX - left, y: event.clientY - top })
    }
    element?.addEventListener('wheel', onWheel, { passive: false })
    return () => element?.removeEventListener('wheel', onWheel)
  }, [])

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === '+' || event.key === '=') zoom(STEP)
    else if (event.key === '-') zoom(1 / STEP)
    else if (event.key === '0') setChosen(null)
    else return
    event.preventDefault()
  }
  return (
    <div className={classes.zoomable}>
      <Group gap={4} className={classes.zoomButtons} role="group" aria-label="Size of the picture">
        <ActionIcon variant="default" size="sm" aria-label="Smaller" onClick={() => zoom(1 / STEP)}>
          <IconMinus size={14} aria-hidden />
        </ActionIcon>
        <ActionIcon variant="default" size="sm" aria-label="Larger" onClick={() => zoom(STEP)}>
          <IconPlus size={14} aria-hidden />
        </ActionIcon>
        <Button variant="default" size="compact-xs" disabled={chosen === null} onClick={() => setChosen(null)}>
          Fit
        </Button>
      </Group>
      <section
        ref={view}
        className={classes.view}
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by the arrow keys
        tabIndex={0}
        style={{ maxHeight: most }}
        onKeyDown={onKeyDown}
        {...useDragging(view)}
      >
        <div style={{ width: width * scale, height: height * scale, overflow: 'hidden' }}>
          <div style={{ width, height, transform: `scale(${scale})`, transformOrigin: '0 0' }}>{children}</div>
        </div>
      </section>
    </div>
  )
}

/** The scale at which the content fits: at most its own size, and never below the least legible scale. */
export function fitting(...shares: number[]): number {
  return Math.max(Math.min(1, ...shares), LEAST_FITTING)
}

function scrolled({ left, top }: { left: number; top: number }) {
  return { scrollLeft: left, scrollTop: top }
}

/** Drag the background, not the boxes, which are links. */
function useDragging(view: React.RefObject<HTMLDivElement | null>) {
  const from = useRef<{ x: number; y: number } | null>(null)
  return {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      if (event.button !== 0 || (event.target as Element).closest('a') || event.pointerType === 'touch') return
      from.current = { x: event.clientX, y: event.clientY }
      event.currentTarget.setPointerCapture(event.pointerId)
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      if (!from.current || !view.current) return
      view.current.scrollLeft -= event.clientX - from.current.x
      view.current.scrollTop -= event.clientY - from.current.y
      from.current = { x: event.clientX, y: event.clientY }
    },
    onPointerUp: () => {
      from.current = null
    },
  }
}
