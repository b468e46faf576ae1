/** The answers to the test samples: two classes at every threshold, or a regression against the labels. */
import { Box, Group, Slider, Stack, Text, Title } from '@mantine/core'
import type { EChartsCoreOption } from 'echarts/core'
import { Fragment, useMemo, useState } from 'react'
import { ChartFrame } from '~/components/charts/Chart'
import { ConfusionMatrix } from '~/components/charts/ConfusionMatrix'
import { Dimmed } from '~/components/Dimmed'
import { Stat } from '~/components/Stat'
import type { Curves, Evaluation, Residuals } from '~/lib/api'
import { formatCount, formatMetric, formatPercent, plural } from '~/lib/format'
import { errorsOf, matrixAt, pointAt, prPoints, ratesAt, rocPoints } from './evaluation'

const SIZE = 280

/** The title of the tab; null when there is nothing to show. */
export function evaluationTitle(evaluation: Evaluation | null): string | null {
  if (evaluation?.curves) return 'ROC and threshold'
  return evaluation && evaluation.residuals.length > 0 ? 'Predicted and actual' : null
}

export function EvaluationTab({ evaluation, result }: { evaluation: Evaluation; result: number }) {
  if (evaluation.curves) return <TwoClasses curves={evaluation.curves} result={result} />
  return (
    <Group align="flex-start" gap="xl">
      {evaluation.residuals.map((residual) => (
        <Fragment key={residual.number}>
          <PredictedAndTrue residuals={residual} result={result} several={evaluation.residuals.length > 1} />
          <Errors residuals={residual} result={result} several={evaluation.residuals.length > 1} />
        </Fragment>
      ))}
    </Group>
  )
}

function TwoClasses({ curves, result }: { curves: Curves; result: number }) {
  const [threshold, setThreshold] = useState(0.5)
  const point = pointAt(curves, threshold)
  const { recall, precision, falseRate } = ratesAt(curves, point)
  const { positive, negative } = curves
  const roc = useMemo(() => rocPoints(curves), [curves])
  const pr = useMemo(() => prPoints(curves), [curves])
  const share = curves.positives / (curves.positives + curves.negatives)
  return (
    <Stack gap="lg">
      <Group gap={32} align="flex-start">
        <Stat name="ROC AUC" value={formatMetric(curves.roc_auc)} note="0.5: no better than chance" />
        <Stat
          name="Average precision"
          value={formatMetric(curves.average_precision)}
          note={`${formatMetric(share)}: no better than chance`}
        />
        <Stat name="Recall" value={formatPercent(recall)} note={`of all actual ${positive}`} />
        <Stat name="Precision" value={formatPercent(precision)} note={`of those predicted as ${positive}`} />
      </Group>
      <Box maw={560} pb="lg">
        <Text size="sm" mb={4} id="threshold">
          Threshold: a sample {positive} with a probability of {threshold.toFixed(2)} or more is predicted as {positive}
        </Text>
        <Slider
          thumbLabel="Threshold"
          min={0}
          max={1}
          step={0.01}
          value={threshold}
          onChange={setThreshold}
          label={(value) => value.toFixed(2)}
          marks={[
            { value: 0, label: '0' },
            { value: 0.5, label: '0.5' },
            { value: 1, label: '1' },
          ]}
        />
      </Box>
      <Group align="flex-start" gap="xl">
        <Box>
          <Title order={2} mb="xs">
            At this threshold
          </Title>
          <ConfusionMatrix
            matrix={matrixAt(curves, point)}
            labels={[negative, positive]}
            measures={false}
            name={`result-${result}-threshold-matrix`}
          />
        </Box>
        <Curve
          title="ROC"
          name={`result-${result}-roc`}
          x="false positive rate"
          y="recall"
          points={roc}
          here={[falseRate, recall]}
          chance={[
            [0, 0],
            [1, 1],
          ]}
        />
        <Curve
          title="Precision and recall"
          name={`result-${result}-precision-recall`}
          x="recall"
          y="precision"
          points={pr}
          here={precision === null ? null : [recall, precision]}
          chance={[
            [0, share],
            [1, share],
          ]}
        />
      </Group>
      <Dimmed>
        Of {plural(curves.positives + curves.negatives, 'test sample')}, {formatCount(curves.positives)} are {positive}.
        This threshold is only a preview: an inference writes the probabilities.
      </Dimmed>
    </Stack>
  )
}

function Curve({
  title,
  name,
  x,
  y,
  points,
  here,
  chance,
}: {
  title: string
  name: string
  x: string
  y: string
  points: readonly [number, number][]
  /** The point of the curve at the chosen threshold. */
  here: readonly [number, number] | null
  chance: readonly (readonly [number, number])[]
}) {
  const option = useMemo<EChartsCoreOption>(
    () => ({
      grid: { left: 24, right: 16, top: 12, bottom: 20, outerBoundsMode: 'same' },
      tooltip: { trigger: 'item', confine: true },
      xAxis: { type: 'value', min: 0, max: 1, name: x, nameLocation: 'middle', nameGap: 24 },
      yAxis: { type: 'value', min: 0, max: 1, name: y, nameLocation: 'middle', nameGap: 32 },
      series: [
        { type: 'line', name: y, data: points, showSymbol: false },
        { type: 'line', name: 'chance', data: chance, showSymbol: false, lineStyle: { type: 'dashed', width: 1 } },
        { type: 'scatter', name: 'the threshold', data: here ? [here] : [], symbol: 'diamond', symbolSize: 14 },
      ],
    }),
    [x, y, points, here, chance],
  )
  return (
    <Box w={360} maw="100%">
      <ChartFrame
        title={title}
        name={name}
        label={`${title}: ${y} against ${x}, ${points.length} points`}
        height={SIZE}
        option={option}
        data={() => points}
        table={() => ({
          columns: [x, y],
          rows: points.map(([across, up]) => [formatPercent(across), formatPercent(up)]),
        })}
      />
    </Box>
  )
}

function PredictedAndTrue({ residuals, result, several }: { residuals: Residuals; result: number; several: boolean }) {
  const { points, quantiles, samples, number } = residuals
  const title = several ? `Output ${number}: predicted and actual` : 'Predicted and actual'
  const option = useMemo<EChartsCoreOption>(() => {
    const values = points.flat().filter((point) => point !== null)
    const ends = [Math.min(...values), Math.max(...values)]
    return {
      grid: { left: 24, right: 16, top: 12, bottom: 20, outerBoundsMode: 'same' },
      tooltip: { trigger: 'item', confine: true },
      xAxis: { type: 'value', scale: true, name: 'actual', nameLocation: 'middle', nameGap: 24 },
      yAxis: { type: 'value', scale: true, name: 'predicted', nameLocation: 'middle', nameGap: 40 },
      series: [
        { type: 'scatter', name: 'predicted', data: points, symbolSize: 5, itemStyle: { opacity: 0.6 } },
        {
          type: 'line',
          name: 'perfect prediction',
          data: ends.map((end) => [end, end]),
          showSymbol: false,
          lineStyle: { type: 'dashed', width: 1 },
        },
      ],
    }
  }, [points])
  const [least, low, middle, high, greatest] = quantiles.map(formatMetric)
  return (
    <Box w={440} maw="100%">
      <ChartFrame
        title={title}
        name={`result-${result}-predicted-${number}`}
        label={`${title}, ${points.length} of ${samples} test samples; half of the errors are below ${middle}`}
        height={SIZE}
        option={option}
        data={() => residuals}
        table={() => ({
          columns: ['Sample', 'Actual', 'Predicted'],
          rows: points.map(([actual, predicted], index) => [
            String(index + 1),
            formatMetric(actual),
            formatMetric(predicted),
          ]),
        })}
      />
      <Dimmed>
        Predicted minus actual, for {plural(samples, 'test sample')}: from {least} to {greatest}, nine of ten between{' '}
        {low} and {high}, half below {middle}.
      </Dimmed>
    </Box>
  )
}

/** Errors of a regression over the true values, where systematic errors show a pattern. */
function Errors({ residuals, result, several }: { residuals: Residuals; result: number; several: boolean }) {
  const { points, number } = residuals
  const title = several ? `Output ${number}: residuals` : 'Residuals'
  const errors = useMemo(() => errorsOf(points), [points])
  const option = useMemo<EChartsCoreOption>(
    () => ({
      grid: { left: 24, right: 16, top: 12, bottom: 20, outerBoundsMode: 'same' },
      tooltip: { trigger: 'item', confine: true },
      xAxis: { type: 'value', scale: true, name: 'actual', nameLocation: 'middle', nameGap: 24 },
      yAxis: { type: 'value', name: 'predicted minus actual', nameLocation: 'middle', nameGap: 40 },
      series: [
        {
          type: 'scatter',
          name: 'residual',
          data: errors,
          symbolSize: 5,
          itemStyle: { opacity: 0.6 },
          markLine: { symbol: 'none', silent: true, label: { show: false }, data: [{ yAxis: 0 }] },
        },
      ],
    }),
    [errors],
  )
  return (
    <Box w={440} maw="100%">
      <ChartFrame
        title={title}
        name={`result-${result}-residuals-${number}`}
        label={`${title}: predicted minus actual against actual, ${errors.length} test samples`}
        height={SIZE}
        option={option}
        data={() => errors}
        table={() => ({
          columns: ['Sample', 'Actual', 'Residual'],
          rows: errors.map(([actual, error], index) => [String(index + 1), formatMetric(actual), formatMetric(error)]),
        })}
      />
    </Box>
  )
}
