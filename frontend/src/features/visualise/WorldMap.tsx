/** Outlines of the land with points on it, as SVG; zoomed by buttons, wheel and keyboard, moved by dragging. */
import { ActionIcon, Group } from '@mantine/core'
import { IconFocusCentered, IconMinus, IconPlus, IconWorld } from '@tabler/icons-react'
import { type PointerEvent, useEffect, useMemo, useRef, useState } from 'react'
import { feature } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import land from 'world-atlas/land-110m.json'
import classes from './WorldMap.module.css'

export interface MapPoint {
  key: string
  latitude: number
  longitude: number
  color: string
  title: string
}

/** What is seen, in degrees: x is longitude + 180, y is 90 - latitude. */
interface View {
  x: number
  y: number
  width: number
}

const WORLD: View = { x: 0, y: 0, width: 360 }
const RATIO = 0.5
const MIN_WIDTH = 2

export default function WorldMap({ points }: { points: readonly MapPoint[] }) {
  const [view, setView] = useState(WORLD)
  const svg = useRef<SVGSVGElement>(null)
  const drag = useRef<{ x: number; y: number; view: View } | null>(null)
  const outline = useMemo(landPath, [])
  useEffect(() => {
    const element = svg.current
    if (!element) return
    const wheel = (event: WheelEvent) => {
      // Scrolling the page is the usual wish; with Ctrl, Cmd or a pinch it is the map's.
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      setView((before) => zoomed(before, event.deltaY > 0 ? 1.25 : 0.8))
    }
    element.addEventListener('wheel', wheel, { passive: false })
    return () => element.removeEventListener('wheel', wheel)
  }, [])
  const move = (event: PointerEvent<SVGSVGElement>) => {
    if (!drag.current || !svg.current) return
    const scale = drag.current.view.width / svg.current.clientWidth
    setView(
      bounded({
        ...drag.current.view,
        x: drag.current.view.x - (event.clientX - drag.current.x) * scale,
        y: drag.current.view.y - (event.clientY - drag.current.y) * scale,
      }),
    )
  }
  const size = view.width / 360
  return (
    <div className={classes.box}>
      <svg
        ref={svg}
        role="img"
        aria-label={`Map of the world with ${points.length} predictions`}
        className={classes.map}
        viewBox={`${view.x} ${view.y} ${view.width} ${view.width * RATIO}`}
        onPointerDown={(event) => {
          drag.current = { x: event.clientX, y: event.clientY, view }
          event.currentTarget.setPointerCapture(event.pointerId)
        }}
        onPointerMove={move}
        onPointerUp={() => {
          drag.current = null
        }}
      >
        <path d={outline} className={classes.land} strokeWidth={0.4 * size} />
        {points.map((point, index) => (
          <circle
            key={point.key}
            cx={point.longitude + 180}
            cy={90 - point.latitude}
            r={(index === points.length - 1 ? 3 : 2) * size}
            fill={point.color}
            fillOpacity={0.35 + (0.65 * (index + 1)) / points.length}
            strokeWidth={0.3 * size}
            className={classes.point}
          >
            <title>{point.title}</title>
          </circle>
        ))}
      </svg>
      <Group gap={4} className={classes.tools}>
        <ActionIcon size="sm" variant="default" aria-label="Zoom in" onClick={() => setView(zoomed(view, 0.6))}>
          <IconPlus size={14} aria-hidden />
        </ActionIcon>
        <ActionIcon size="sm" variant="default" aria-label="Zoom out" onClick={() => setView(zoomed(view, 1.6))}>
          <IconMinus size={14} aria-hidden />
        </ActionIcon>
        <ActionIcon
          size="sm"
          variant="default"
          aria-label="Show all points"
          disabled={points.length === 0}
          onClick={() => setView(around(points))}
        >
          <IconFocusCentered size={14} aria-hidden />
        </ActionIcon>
        <ActionIcon size="sm" variant="default" aria-label="Show the world" onClick={() => setView(WORLD)}>
          <IconWorld size={14} aria-hidden />
        </ActionIcon>
      </Group>
    </div>
  )
}

function landPath(): string {
  const topology = land as unknown as Topology<{ land: GeometryCollection }>
  const shapes = feature(topology, topology.objects.land)
  return shapes.features
    .flatMap(({ geometry }): readonly (readonly (readonly number[])[])[][] =>
      geometry.type === 'MultiPolygon'
        ? geometry.coordinates
        : geometry.type === 'Polygon'
          ? [geometry.coordinates]
          : [],
    )
    .flatMap((rings) => rings.map(outlineOf))
    .join('')
}

/**
 * One ring as a path. Rings that cross the date line are drawn on, past the map's edge, and once more on its other side;
 * what goes around the pole is closed along it.
 */
function outlineOf(ring: readonly (readonly number[])[]): string {
  const points: [x: number, y: number][] = []
  let turn = 0
  for (const [longitude = 0, latitude = 0] of ring) {
    const before = points.at(-1)?.[0]
    const step = before === undefined ? 0 : longitude + 180 + turn - before
    if (Math.abs(step) > 180) turn -= Math.sign(step) * 360
    points.push([longitude + 180 + turn, 90 - latitude])
  }
  const [first, last] = [points[0], points.at(-1)]
  if (first && last && Math.abs(last[0] - first[0]) > 180) points.push([last[0], 180], [first[0], 180])
  const xs = points.map(([x]) => x)
  const shifts = [0, ...(Math.max(...xs) > 360 ? [-360] : []), ...(Math.min(...xs) < 0 ? [360] : [])]
  return shifts
    .map((shift) => `M${points.map(([x, y]) => `${(x + shift).toFixed(2)},${y.toFixed(2)}`).join('L')}Z`)
    .join('')
}

function zoomed(view: View, factor: number): View {
  const width = Math.min(WORLD.width, Math.max(MIN_WIDTH, view.width * factor))
  return bounded({
    x: view.x + (view.width - width) / 2,
    y: view.y + ((view.width - width) / 2) * RATIO,
    width,
  })
}

function bounded(view: View): View {
  return {
    width: view.width,
    x: Math.min(360 - view.width, Math.max(0, view.x)),
    y: Math.min(180 - view.width * RATIO, Math.max(0, view.y)),
  }
}

/** The view that shows all points, with some room around them. */
function around(points: readonly MapPoint[]): View {
  const xs = points.map((point) => point.longitude + 180)
  const ys = points.map((point) => 90 - point.latitude)
  const [left, top] = [Math.min(...xs), Math.min(...ys)]
  const wide = Math.max(Math.max(...xs) - left, (Math.max(...ys) - top) / RATIO)
  const width = Math.min(WORLD.width, Math.max(MIN_WIDTH, wide * 1.2))
  return bounded({
    x: (left + Math.max(...xs)) / 2 - width / 2,
    y: (top + Math.max(...ys)) / 2 - (width * RATIO) / 2,
    width,
  })
}
