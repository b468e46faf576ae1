/** Outlines of the land with points on it. Buttons, the wheel and keys zoom; dragging moves the map. */
import { ActionIcon, Group, useComputedColorScheme } from '@mantine/core'
import { IconFocusCentered, IconMinus, IconPlus, IconWorld } from '@tabler/icons-react'
import { geoEquirectangular } from 'd3-geo'
import { GeoComponent } from 'echarts/components'
import { registerMap, use } from 'echarts/core'
import { useEffect, useMemo, useRef } from 'react'
import { feature } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import land from 'world-atlas/land-110m.json'
import { Chart, type ChartHandle } from '~/components/charts/Chart'
import classes from './WorldMap.module.css'

export interface MapPoint {
  latitude: number
  longitude: number
  color: string
  title: string
}

const MAX_ZOOM = 180

use([GeoComponent])
const topology = land as unknown as Topology<{ land: GeometryCollection }>
registerMap('land', feature(topology, topology.objects.land) as never)
// The projection cuts outlines at the date line, and closes those that surround a pole.
const projection = geoEquirectangular()
const WORLD = { center: projection([0, 0]), zoom: 1 }

const COLORS = {
  light: { area: '#dde1e8', border: '#aab1bd', point: '#fff' },
  dark: { area: '#343a45', border: '#565e6c', point: '#16181d' },
}

export default function WorldMap({ points }: { points: readonly MapPoint[] }) {
  const chart = useRef<ChartHandle>(null)
  const box = useRef<HTMLDivElement>(null)
  const colors = COLORS[useComputedColorScheme('light')]
  const show = (view: object) => chart.current?.chart()?.setOption({ geo: view })
  const zoom = (factor: number, x: number, y: number) =>
    chart.current?.chart()?.dispatchAction({
      type: 'geoRoam',
      componentType: 'geo',
      zoom: factor,
      originX: x,
      originY: y,
    })
  const zoomMiddle = (factor: number) => {
    const { clientWidth = 0, clientHeight = 0 } = box.current ?? {}
    zoom(factor, clientWidth / 2, clientHeight / 2)
  }
  useEffect(() => {
    const element = box.current
    if (!element) return
    const wheel = (event: WheelEvent) => {
      // The wheel scrolls the page. With Ctrl or Cmd, or by pinching, it zooms the map.
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      const { left, top } = element.getBoundingClientRect()
      zoom(event.deltaY > 0 ? 0.8 : 1.25, event.clientX - left, event.clientY - top)
    }
    element.addEventListener('wheel', wheel, { passive: false })
    return () => element.removeEventListener('wheel', wheel)
  })
  const option = useMemo(
    () => ({
      tooltip: { formatter: ({ name }: { name: string }) => name },
      geo: {
        map: 'land',
        projection: { project: projection, unproject: projection.invert, stream: projection.stream },
        roam: 'move',
        scaleLimit: { min: 1, max: MAX_ZOOM },
        silent: true,
        itemStyle: { areaColor: colors.area, borderColor: colors.border },
        left: 0,
        right: 0,
        top: 0,
        bottom: 0,
        preserveAspect: true,
      },
      series: [
        {
          type: 'scatter',
          coordinateSystem: 'geo',
          data: points.map(({ title, longitude, latitude, color }, index) => ({
            name: title,
            value: [longitude, latitude],
            symbolSize: index === points.length - 1 ? 12 : 8,
            itemStyle: { color, opacity: 0.35 + (0.65 * (index + 1)) / points.length, borderColor: colors.point },
          })),
        },
      ],
    }),
    [points, colors],
  )
  return (
    <div ref={box} className={classes.box}>
      <Chart option={option} label={`Map of the world with ${points.length} predictions`} height={480} handle={chart} />
      <Group gap={4} className={classes.tools}>
        {[
          { label: 'Zoom in', Icon: IconPlus, run: () => zoomMiddle(1 / 0.6) },
          { label: 'Zoom out', Icon: IconMinus, run: () => zoomMiddle(1 / 1.6) },
          {
            label: 'Show all points',
            Icon: IconFocusCentered,
            run: () => show(around(points)),
            off: points.length === 0,
          },
          { label: 'Show the world', Icon: IconWorld, run: () => show(WORLD) },
        ].map(({ label, Icon, run, off = false }) => (
          <ActionIcon key={label} size="sm" variant="default" aria-label={label} disabled={off} onClick={run}>
            <Icon size={14} aria-hidden />
          </ActionIcon>
        ))}
      </Group>
    </div>
  )
}

/** The view that contains all points with a margin. */
function around(points: readonly MapPoint[]) {
  const [longitudes, latitudes] = [points.map((point) => point.longitude), points.map((point) => point.latitude)]
  const [west, east] = [Math.min(...longitudes), Math.max(...longitudes)]
  const [south, north] = [Math.min(...latitudes), Math.max(...latitudes)]
  const wide = 1.2 * Math.max(east - west, 2 * (north - south))
  return {
    center: projection([(west + east) / 2, (south + north) / 2]),
    zoom: Math.min(MAX_ZOOM, Math.max(1, 360 / wide)),
  }
}
