/** How much the score depends on each column: what it loses when the column's values are exchanged among the samples. */
import { Box, Stack } from '@mantine/core'
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo } from 'react'
import { ChartFrame } from '~/components/charts/Chart'
import { Dimmed } from '~/components/Dimmed'
import type { Importance } from '~/lib/api'
import { formatMetric, plural } from '~/lib/format'
import { scoreTitle } from '~/lib/scores'

/** The most columns that are drawn; the table has all of them. */
const MOST_DRAWN = 30
const BAR = 24
const LONGEST_NAME = 180

export function ImportanceTab({ importance, result }: { importance: Importance; result: number }) {
  const { columns, samples, rounds } = importance
  const score = scoreTitle(importance.score)
  const drawn = useMemo(() => columns.slice(0, MOST_DRAWN), [columns])
  const isLost = importance.score === 'accuracy'
  const loss = isLost ? `${score} lost` : `${score} added`
  const option = useMemo<EChartsCoreOption>(
    () => ({
      grid: { left: 8, right: 24, top: 4, bottom: 24, outerBoundsMode: 'same' },
      tooltip: { trigger: 'item', confine: true },
      xAxis: { type: 'value', name: loss, nameLocation: 'middle', nameGap: 24 },
      yAxis: {
        type: 'category',
        inverse: true,
        data: drawn.map(({ column }) => column),
        axisLabel: { interval: 0, width: LONGEST_NAME, overflow: 'truncate' },
      },
      series: [{ type: 'bar', name: loss, data: drawn.map(({ importance }) => importance), barMaxWidth: 14 }],
    }),
    [drawn, loss],
  )
  const [first] = columns
  return (
    <Stack gap="xs" maw={720}>
      <Box>
        <ChartFrame
          title="Column importance"
          name={`result-${result}-importance`}
          label={`Column importance of ${plural(columns.length, 'column')}${first ? `, ${first.column} first` : ''}`}
          height={60 + BAR * drawn.length}
          option={option}
          data={() => importance}
          table={() => ({
            columns: ['Column', loss, 'Standard deviation'],
            rows: columns.map(({ column, importance, spread }) => [
              column,
              formatMetric(importance),
              formatMetric(spread),
            ]),
          })}
        />
      </Box>
      <Dimmed>
        How much the {score} {isLost ? 'falls' : 'grows'} when the values of a column are exchanged among{' '}
        {plural(samples, 'test sample')}, the mean of {plural(rounds, 'time')}. About 0: the model does not need the
        column. Columns that tell the same share their importance.
        {columns.length > drawn.length && ` The table has all ${columns.length} columns.`}
      </Dimmed>
    </Stack>
  )
}
