/** Where a model comes from: code, data, split, seed, versions. This suffices to reproduce it. */

import { Button, Code, Group, SimpleGrid, Skeleton, Stack, Text } from '@mantine/core'
import { IconRefresh } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Age } from '~/components/Age'
import { ConfigurationLink, ModelLink, TopicLink } from '~/components/ButtonLink'
import { CodeEditor } from '~/components/CodeEditor'
import { CopyButton } from '~/components/CopyButton'
import { DatasetOriginLink } from '~/components/contract/DatasetOriginLink'
import { Dimmed } from '~/components/Dimmed'
import { Facts } from '~/components/Facts'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RunDeployment, RunStream } from '~/components/RunOrigin'
import { Section } from '~/components/Section'
import { deploymentsRetrieveOptions, modelsRetrieveOptions, type Result, streamsRetrieveOptions } from '~/lib/api'
import { contractOf, datasetOf } from '~/lib/datasets'
import { formatCount, formatExact, formatMetric, formatPercent, NONE, plural } from '~/lib/format'
import { parseRanges, type StreamRange } from '~/lib/ranges'

export function LineageTab({ result, onRestart }: { result: Result; onRestart?: () => void }) {
  return (
    <Stack gap="xl">
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl" verticalSpacing="xl">
        <Section title="Data">
          <DataFacts result={result} />
          {onRestart && result.stream !== null && (
            <Group mt="sm">
              <Button
                size="xs"
                variant="default"
                leftSection={<IconRefresh size={14} aria-hidden />}
                onClick={onRestart}
              >
                Train again on the same slice
              </Button>
            </Group>
          )}
        </Section>
        <Section title="Run">
          <RunFacts result={result} />
        </Section>
        <Section title="Arguments">
          <ArgumentFacts result={result} />
        </Section>
        <Section title="Versions">
          {result.outcome ? (
            <Facts
              facts={Object.entries(result.outcome.versions).map(([name, version]) => [
                name,
                <Code key={name}>{version}</Code>,
              ])}
            />
          ) : (
            <Dimmed>Available once training has finished.</Dimmed>
          )}
        </Section>
      </SimpleGrid>
      <CodePart result={result} />
    </Stack>
  )
}

function DataFacts({ result }: { result: Result }) {
  const stream = useQuery({
    ...streamsRetrieveOptions({ path: { id: String(result.stream ?? 0) } }),
    enabled: result.stream !== null,
  })
  if (result.stream === null) {
    return <Dimmed>No stream has been announced to it yet.</Dimmed>
  }
  if (stream.isError) return <ProblemAlert error={stream.error} onRetry={() => void stream.refetch()} />
  if (!stream.data) return <Skeleton height={120} role="status" aria-label="Loading" />
  const data = stream.data
  const ranges = parseRanges(data.topic)
  const origin = datasetOf(data.input_config)
  return (
    <Facts
      facts={[
        [
          'Stream',
          <span key="stream">
            <RunStream run={result} />
            {data.description ? `: ${data.description}` : ''}
          </span>,
        ],
        origin && ['Data set', <DatasetOriginLink key="dataset" origin={origin} />],
        [
          'Slice',
          <Stack key="slice" gap={2} mah={160} style={{ overflow: 'auto' }}>
            {ranges.map((range) => (
              <span key={`${range.topic}:${range.partition}:${range.start}`}>
                <TopicLink name={range.topic} underline="always" /> partition {range.partition}, {offsetsText(range)}
              </span>
            ))}
          </Stack>,
        ],
        ['Format', <FormatText key="format" format={data.input_format} config={data.input_config} />],
        ['Requested split', `${formatPercent(data.validation_rate)} validation, ${formatPercent(data.test_rate)} test`],
        result.outcome && ['Actual split', <Wrapped key="split" text={result.outcome.split} />],
        result.outcome && [
          'Samples',
          Object.entries(result.outcome.samples)
            .map(([name, count]) => `${formatCount(count)} ${name}`)
            .join(', '),
        ],
        result.outcome && ['Content', <Hash key="slice" text={result.outcome.slice_sha256} what="slice_sha256" />],
      ]}
    />
  )
}

function offsetsText({ start, end }: StreamRange): string {
  if (end === null) return `from offset ${formatExact(start)}`
  return `offsets ${formatExact(start)} to ${formatExact(end)} (${plural(end - start, 'offset')})`
}

/** Long schemas and contracts are shown on the stream's own page and can only be copied here. */
export function FormatText({ format, config }: { format: string; config: Record<string, unknown> }) {
  const shown = Object.entries(config).filter(([, value]) => typeof value !== 'object')
  return (
    <span>
      {format}
      {shown.map(([name, value]) => (
        <span key={name}>
          {' '}
          {name}=<Code style={{ overflowWrap: 'anywhere' }}>{String(value)}</Code>
        </span>
      ))}
      {shown.length < Object.keys(config).length && (
        <>
          {contractOf(format, config) ? ', by a contract ' : ' with a schema '}
          <CopyButton text={JSON.stringify(config, null, 2)} what="the configuration" />
        </>
      )}
    </span>
  )
}

function RunFacts({ result }: { result: Result }) {
  const { outcome } = result
  return (
    <Facts
      facts={[
        ['Attempt', result.attempt === 0 ? NONE : String(result.attempt)],
        ['Started', <Age key="started" at={result.started_at} size="sm" />],
        ['Ended', <Age key="ended" at={result.ended_at} size="sm" />],
        outcome && ['Seed', String(outcome.seed)],
        outcome && ['Isolation', outcome.isolation || NONE],
        typeof outcome?.preparation?.summary === 'string' && [
          'Feature format',
          <Wrapped key="preparation" text={outcome.preparation.summary} />,
        ],
        outcome && ['Code', <Hash key="code" text={outcome.code_sha256} what="code_sha256" />],
        outcome &&
          outcome.onnx_max_difference !== null && [
            'ONNX difference',
            `${formatMetric(outcome.onnx_max_difference)} at most, between the predictions compared`,
          ],
      ]}
    />
  )
}

function ArgumentFacts({ result }: { result: Result }) {
  const deployment = useQuery(deploymentsRetrieveOptions({ path: { id: String(result.deployment) } }))
  if (deployment.isError) return <ProblemAlert error={deployment.error} onRetry={() => void deployment.refetch()} />
  if (!deployment.data) return <Skeleton height={120} role="status" aria-label="Loading" />
  const data = deployment.data
  const { fit, evaluation } = data.arguments[result.framework] ?? {}
  return (
    <Facts
      facts={[
        ['Deployment', <RunDeployment key="deployment" run={result} />],
        [
          'Configuration',
          <ConfigurationLink id={data.configuration} key="configuration">
            {data.configuration_name}
          </ConfigurationLink>,
        ],
        ['Batch size', formatExact(data.batch_size)],
        [
          'Fit',
          fit ? (
            <Code key="fit" style={{ overflowWrap: 'anywhere' }}>
              {fit}
            </Code>
          ) : (
            NONE
          ),
        ],
        [
          'Evaluation',
          evaluation ? (
            <Code key="evaluation" style={{ overflowWrap: 'anywhere' }}>
              {evaluation}
            </Code>
          ) : (
            NONE
          ),
        ],
        ['Mode', data.mode],
        ['GPUs', String(data.gpu)],
      ]}
    />
  )
}

function CodePart({ result }: { result: Result }) {
  const model = useQuery(modelsRetrieveOptions({ path: { id: String(result.model) } }))
  const changed = model.data && (model.data.code !== result.code || model.data.imports !== result.imports)
  const { failure } = result
  const mark = useMemo(() => {
    const line = failure?.line
    return line ? { source: failure.source, marks: [{ line, message: failure.cause }], reveal: { line } } : null
  }, [failure])
  return (
    <Section title="Trained code">
      {changed && (
        <Text size="sm" mb="xs">
          The model's code has changed since: <ModelLink id={result.model}>see model {result.model}</ModelLink>.
          Training again uses the current code.
        </Text>
      )}
      <Stack>
        {result.imports.trim() !== '' && (
          <CodeEditor
            label="Imports"
            value={result.imports}
            readOnly
            minHeight={40}
            maxHeight={200}
            {...(mark?.source === 'imports' ? { diagnostics: mark.marks, reveal: mark.reveal } : {})}
            actions={<CopyButton text={result.imports} what="the imports" />}
          />
        )}
        <CodeEditor
          label="Code"
          value={result.code}
          readOnly
          maxHeight={520}
          {...(mark && mark.source !== 'imports' ? { diagnostics: mark.marks, reveal: mark.reveal } : {})}
          actions={<CopyButton text={result.code} what="the code" />}
        />
      </Stack>
    </Section>
  )
}

function Hash({ text, what }: { text: string; what: string }) {
  return (
    <Group gap={2} wrap="nowrap">
      <Code title={text}>{text.slice(0, 16)}…</Code>
      <CopyButton text={text} what={what} />
    </Group>
  )
}

export function Wrapped({ text }: { text: string }) {
  return <span style={{ overflowWrap: 'anywhere' }}>{text}</span>
}
