/** The predictions of the last minutes as a strip: each column shows the shares of the classes in a slice of time. */
import { Box, Button, Group, Title } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { SmallPrint } from '~/components/Dimmed'
import { RowTable } from '~/components/RowTable'
import { durationText, formatClock, formatCount, formatMoment } from '~/lib/format'
import { type ClassSlice, SLICE_SECONDS, type WatchStore } from './frames'
import type { Naming } from './labels'
import { useStore } from './useWatch'

const HEIGHT = 72
const COLUMN_PX = 4
const TABLE_ROWS = 30

export function ClassHistory({ store, naming, span }: { store: WatchStore; naming: Naming; span: number }) {
  const slices = useStore(store, (watchStore) => [...watchStore.slices], 250)
  const canvas = useRef<HTMLCanvasElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  const [asTable, setAsTable] = useState(false)
  const until = slices.at(-1)?.at ?? 0
  const shown = slices.filter((slice) => slice.at > until - span)
  useEffect(() => {
    if (!box.current) return
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)))
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (!context || width === 0) return
    const scale = window.devicePixelRatio || 1
    context.canvas.width = width * scale
    context.canvas.height = HEIGHT * scale
    context.scale(scale, scale)
    const columns = columnsOf(shown, until, span, Math.floor(width / COLUMN_PX))
    const columnWidth = width / columns.length
    columns.forEach((column, index) => {
      let top = HEIGHT
      for (const [id, count] of column.counts) {
        const height = (count / column.total) * HEIGHT
        context.fillStyle = naming.colorOf(id)
        // Edges are rounded outwards, because otherwise pale lines would part the columns.
        context.fillRect(Math.floor(index * columnWidth), top - height, Math.ceil(columnWidth), height)
        top -= height
      }
    })
  }, [shown, until, span, width, naming])
  const label = `History of classes over ${durationText(span * 1000)}`
  return (
    <section aria-label="History">
      <Group justify="space-between" mb={4}>
        <Title order={2}>History</Title>
        <Button size="compact-xs" variant="subtle" onClick={() => setAsTable(!asTable)}>
          {asTable ? 'View as strip' : 'View as table'}
        </Button>
      </Group>
      {asTable ? (
        <HistoryTable slices={shown.slice(-TABLE_ROWS).reverse()} naming={naming} />
      ) : (
        <Box ref={box}>
          <canvas
            ref={canvas}
            role="img"
            aria-label={label}
            style={{
              display: 'block',
              width: '100%',
              height: HEIGHT,
              borderRadius: 4,
              background: 'light-dark(#eceef2, #22252c)',
            }}
          />
          <Group justify="space-between" mt={2}>
            <SmallPrint>{durationText(span * 1000)} before</SmallPrint>
            <SmallPrint>{until > 0 ? formatMoment(new Date(until * 1000)) : 'nothing yet'}</SmallPrint>
          </Group>
        </Box>
      )}
    </section>
  )
}

/** The slices joined into ``count`` columns of equal time; classes are ordered by number. */
export function columnsOf(slices: readonly ClassSlice[], until: number, span: number, count: number): ClassSlice[] {
  const width = Math.max(SLICE_SECONDS, span / Math.max(1, count))
  const since = until + SLICE_SECONDS - span
  const columns = Array.from({ length: Math.max(1, Math.round(span / width)) }, (_, index) => ({
    at: since + index * width,
    counts: new Map<number, number>(),
    total: 0,
  }))
  for (const slice of slices) {
    const column = columns[Math.min(columns.length - 1, Math.floor((slice.at - since) / width + 1e-6))]
    if (!column) continue
    for (const [id, added] of slice.counts) column.counts.set(id, (column.counts.get(id) ?? 0) + added)
    column.total += slice.total
  }
  for (const column of columns) column.counts = new Map([...column.counts].sort(([a], [b]) => a - b))
  return columns
}

function HistoryTable({ slices, naming }: { slices: readonly ClassSlice[]; naming: Naming }) {
  return (
    <RowTable
      label="History as a table"
      minWidth={400}
      verticalSpacing={3}
      rows={slices}
      rowKey={(slice) => slice.at}
      columns={[
        {
          title: 'Time',
          cell: (slice) => formatClock(slice.at * 1000),
          td: { style: { whiteSpace: 'nowrap' } },
        },
        {
          title: 'Classes',
          cell: (slice) =>
            [...slice.counts]
              .sort(([, a], [, b]) => b - a)
              .slice(0, 5)
              .map(([id, count]) => `${naming.nameOf(id)} ${formatCount(count)}`)
              .join(', '),
        },
        { title: 'Predictions', right: true, cell: (slice) => formatCount(slice.total) },
      ]}
    />
  )
}
