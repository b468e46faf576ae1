/** The executor's report on a model: shapes, parameters, layers, warnings. */

import { Button, Code, Group, List, Progress, Stack } from '@mantine/core'
import { useState } from 'react'
import { Caution } from '~/components/Caution'
import { SmallPrint } from '~/components/Dimmed'
import { RowTable } from '~/components/RowTable'
import { Stat } from '~/components/Stat'
import { TensorShapes } from '~/components/TensorShapes'
import type { Report } from '~/lib/api'
import { formatCount, formatExact } from '~/lib/format'
import { type Layer, layersOf, shapeText } from './summary'

export function ReportView({ report }: { report: Report }) {
  const [asText, setAsText] = useState(false)
  const layers = layersOf(report.summary ?? '')
  const frozen = (report.parameters ?? 0) - (report.trainable_parameters ?? report.parameters ?? 0)
  return (
    <Stack gap="sm">
      <Group gap="xl" align="flex-start">
        <Stat
          name={`Input → ${(report.outputs?.length ?? 1) > 1 ? `${report.outputs?.length} outputs` : 'output'}`}
          value={<TensorShapes {...shapesOf(report)} />}
        />
        <Stat
          name="Parameters"
          value={formatCount(report.parameters)}
          exact={`${formatExact(report.parameters)}, of which ${formatExact(frozen)} are frozen`}
          note={frozen > 0 ? `${formatCount(frozen)} frozen` : undefined}
        />
        {layers && <Stat name="Layers" value={layers.length} />}
      </Group>
      {report.warnings && report.warnings.length > 0 && <Caution title="Warnings" texts={report.warnings} />}
      {report.notes && report.notes.length > 0 && (
        <List size="sm" c="dimmed">
          {report.notes.map((note) => (
            <List.Item key={note}>{note}</List.Item>
          ))}
        </List>
      )}
      {layers && !asText ? (
        <LayerTable layers={layers} />
      ) : (
        <Code block tabIndex={0} aria-label="Summary" style={{ overflow: 'auto', maxHeight: 480, lineHeight: 1.25 }}>
          {report.summary || 'No summary'}
        </Code>
      )}
      <Group justify="space-between" gap="xs">
        <SmallPrint>
          {Object.entries(report.versions ?? {})
            .map(([name, version]) => `${name} ${version}`)
            .join(', ')}
        </SmallPrint>
        {layers && (
          <Button size="compact-xs" variant="subtle" onClick={() => setAsText(!asText)}>
            {asText ? 'Summary as a table' : "The framework's own summary"}
          </Button>
        )}
      </Group>
    </Stack>
  )
}

function shapesOf(report: Report) {
  return { inputs: report.inputs, outputs: report.outputs }
}

function LayerTable({ layers }: { layers: readonly Layer[] }) {
  const most = Math.max(1, ...layers.map((layer) => layer.parameters))
  const withShapes = layers.some((layer) => layer.shape !== null)
  return (
    <RowTable
      label="Layers"
      minWidth={300}
      maxHeight={480}
      verticalSpacing={4}
      stickyHeader
      withTableBorder={false}
      rows={layers}
      rowKey={(layer) => layer.name}
      columns={[
        {
          title: 'Layer',
          cell: (layer) => (
            <>
              {typeName(layer)}{' '}
              {layer.type && (
                <SmallPrint span>
                  {layer.name} {typeArguments(layer)}
                  {layer.from ? ` after ${layer.from}` : ''}
                </SmallPrint>
              )}
            </>
          ),
          td: { style: { overflowWrap: 'anywhere' } },
        },
        withShapes && {
          title: 'Output shape',
          cell: (layer) => (layer.shape ? shapeText(layer.shape) : ''),
          td: { style: { whiteSpace: 'nowrap' } },
        },
        {
          title: 'Parameters',
          right: true,
          w: 110,
          cell: (layer) => (
            <>
              {formatExact(layer.parameters)}
              <Progress
                value={(100 * layer.parameters) / most}
                size={3}
                mt={2}
                aria-hidden
                style={{ visibility: layer.parameters > 0 ? 'visible' : 'hidden' }}
              />
            </>
          ),
        },
      ]}
    />
  )
}

/**
 * The type of a layer without its arguments, which are shown in small print: 'Linear(in_features=64, …)' -> 'Linear'.
 */
function typeName({ type, name }: Layer): string {
  return type.split('(')[0] || name
}

function typeArguments({ type }: Layer): string {
  return /\((.*)\)$/.exec(type)?.[1] ?? ''
}
