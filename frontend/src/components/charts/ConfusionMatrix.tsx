/** A confusion matrix from its numbers: counts or shares of a row, per-class measures; a cell can be opened. */

import { Box, Group, SegmentedControl, Stack, Text } from '@mantine/core'
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo } from 'react'
import { RowTable } from '~/components/RowTable'
import { formatCount, formatPercent, plural } from '~/lib/format'
import { ChartFrame } from './Chart'
import { type Matrix, normalised, statsOf, worstConfusions } from './confusion'
import { type Cell, MatrixGrid } from './MatrixGrid'

export type { Cell } from './MatrixGrid'
export type MatrixMode = 'counts' | 'shares'

/** The most classes for which the table has room for its numbers. Larger matrices are drawn as a picture. */
const MAX_GRID = 30

export function ConfusionMatrix({
  matrix,
  labels,
  mode = 'counts',
  onMode,
  onCell,
  selectedCell,
  measures = true,
  name = 'confusion-matrix',
}: {
  /** The counts; rows are actual classes, columns predicted ones. */
  matrix: Matrix
  labels: readonly string[]
  mode?: MatrixMode
  /** Called when the user switches between counts and shares. Without it there is no switch. */
  onMode?: (mode: MatrixMode) => void
  onCell?: (cell: Cell) => void
  selectedCell?: Cell | undefined
  /** Whether the table of per-class measures is shown. */
  measures?: boolean
  /** Name of exported files, without ending. */
  name?: string
}) {
  const stats = useMemo(() => statsOf(matrix, labels), [matrix, labels])
  const summary = `${plural(matrix.length, 'class', 'classes')}, ${plural(stats.total, 'sample')}, ${formatPercent(stats.accuracy)} correct`
  return (
    <Stack gap="sm">
      <Group gap="md" justify="space-between">
        <Text size="sm">
          <b>{formatPercent(stats.accuracy)}</b> correct: {formatCount(stats.correct)} of{' '}
          {plural(stats.total, 'sample')}
          {stats.macroF1 !== null && <>; mean F1 {formatPercent(stats.macroF1)}</>}
        </Text>
        {onMode && (
          <SegmentedControl
            aria-label="Numbers in the cells"
            data={[
              { value: 'counts', label: 'Counts' },
              { value: 'shares', label: '% of row' },
            ]}
            value={mode}
            onChange={(value) => onMode(value as MatrixMode)}
          />
        )}
      </Group>
      <Group align="flex-start" gap="xl" wrap="wrap">
        <Box style={{ minWidth: 0, maxWidth: '100%', flex: matrix.length > MAX_GRID ? '1 1 100%' : undefined }}>
          {matrix.length <= MAX_GRID ? (
            <MatrixGrid
              matrix={matrix}
              labels={labels}
              shares={mode === 'shares'}
              onCell={onCell}
              selectedCell={selectedCell}
              label={`Confusion matrix: ${summary}`}
            />
          ) : (
            <MatrixPicture matrix={matrix} labels={labels} mode={mode} onCell={onCell} name={name} summary={summary} />
          )}
        </Box>
        {measures && <Measures stats={stats} />}
      </Group>
    </Stack>
  )
}

function Measures({ stats }: { stats: ReturnType<typeof statsOf> }) {
  return (
    <RowTable
      label="Measures per class"
      minWidth={0}
      maxHeight={420}
      fz="xs"
      verticalSpacing={4}
      withTableBorder={false}
      stickyHeader
      w="auto"
      rows={stats.classes}
      // Rows are keyed by index: classes have a fixed order, and labels may repeat.
      rowKey={(_, index) => index}
      columns={[
        {
          title: 'Class',
          rowHead: true,
          cell: (classStats) => classStats.label,
          td: { maw: 140, style: { overflowWrap: 'anywhere' } },
        },
        { title: 'Precision', right: true, cell: (classStats) => formatPercent(classStats.precision) },
        { title: 'Recall', right: true, cell: (classStats) => formatPercent(classStats.recall) },
        { title: 'F1', right: true, cell: (classStats) => formatPercent(classStats.f1) },
        { title: 'Samples', right: true, cell: (classStats) => formatCount(classStats.support) },
      ]}
    />
  )
}

/** A matrix of many classes as a picture. Its table lists the most frequent mistakes. */
function MatrixPicture({
  matrix,
  labels,
  mode,
  onCell,
  name,
  summary,
}: {
  matrix: Matrix
  labels: readonly string[]
  mode: MatrixMode
  onCell?: ((cell: Cell) => void) | undefined
  name: string
  summary: string
}) {
  const option = useMemo(() => heatmap(matrix, labels, mode), [matrix, labels, mode])
  const nameOf = (index: number) => labels[index] ?? String(index)
  return (
    <ChartFrame
      title="Confusion matrix"
      name={name}
      label={`Confusion matrix: ${summary}`}
      height={620}
      option={option}
      table={() => ({
        columns: ['Mistake', 'Actual', 'Predicted', 'Samples'],
        rows: worstConfusions(matrix, 200).map((confusion, index) => [
          String(index + 1),
          nameOf(confusion.actual),
          nameOf(confusion.predicted),
          formatCount(confusion.count),
        ]),
      })}
      data={() => ({ matrix, labels })}
      onPoint={(_, value) => {
        if (Array.isArray(value) && onCell) onCell({ actual: Number(value[1]), predicted: Number(value[0]) })
      }}
    />
  )
}

function heatmap(matrix: Matrix, labels: readonly string[], mode: MatrixMode): EChartsCoreOption {
  const fractions = normalised(matrix)
  const names = matrix.map((_, index) => labels[index] ?? String(index))
  const cells = matrix.flatMap((row, actual) =>
    row.flatMap((count, predicted) =>
      count === 0 ? [] : [[predicted, actual, fractions[actual]?.[predicted] ?? 0, count]],
    ),
  )
  const scale = {
    show: false,
    dimension: mode === 'shares' ? 2 : 3,
    min: 0,
    max: mode === 'shares' ? 1 : Math.max(1, ...cells.map((cell) => cell[3] ?? 0)),
  }
  const hit = ([predicted, actual]: number[]) => predicted === actual
  return {
    grid: { left: 8, right: 16, top: 24, bottom: 24, outerBoundsMode: 'same' },
    tooltip: {
      confine: true,
      // The formatter returns plain text rather than HTML, because users write the labels.
      formatter: ({ value }: { value: number[] }) => {
        const [predicted = 0, actual = 0, fraction = 0, count = 0] = value
        return plainText(
          `actual ${names[actual]}, predicted ${names[predicted]}: ${count} (${formatPercent(fraction)} of the row)`,
        )
      },
    },
    xAxis: { type: 'category', data: names, position: 'top', name: 'predicted', nameLocation: 'middle' },
    yAxis: { type: 'category', data: names, inverse: true, name: 'actual' },
    visualMap: [
      { ...scale, seriesIndex: 0, inRange: { color: ['#d5e6f5', '#4a90c8', '#084887'] } },
      { ...scale, seriesIndex: 1, inRange: { color: ['#fbe3d3', '#dd8a4e', '#a83e00'] } },
    ],
    series: [
      { type: 'heatmap', data: cells.filter(hit), progressive: 5000 },
      { type: 'heatmap', data: cells.filter((cell) => !hit(cell)), progressive: 5000 },
    ],
  }
}

/** Wraps a text in an element, which the library inserts as it is, so that the text is never read as markup. */
function plainText(text: string): HTMLElement {
  const element = document.createElement('span')
  element.textContent = text
  return element
}
