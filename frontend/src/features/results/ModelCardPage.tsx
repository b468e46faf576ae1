/**
 * The model card of a version: what it is, how good it is, and what it was made from. A page to read, print and keep.
 */

import { Button, Code, Group, SimpleGrid, Stack, Text } from '@mantine/core'
import { IconPrinter } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { ConfigurationLink, DeploymentLink, ModelLink, ResultLink, StreamLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { DatasetOriginLink } from '~/components/contract/DatasetOriginLink'
import { Dimmed } from '~/components/Dimmed'
import { type Fact, Facts } from '~/components/Facts'
import { ObjectPage } from '~/components/ObjectPage'
import { RowTable } from '~/components/RowTable'
import { Section } from '~/components/Section'
import { Stat } from '~/components/Stat'
import { Warnings } from '~/components/Warnings'
import { type ModelCard, resultsVersionsCardRetrieveOptions } from '~/lib/api'
import { baselineText } from '~/lib/baseline'
import { datasetOf } from '~/lib/datasets'
import { curlCall } from '~/lib/equivalents'
import { formatCount, formatExact, formatMeasured, formatMoment, formatPercent, NONE } from '~/lib/format'
import { titleOf, useFrameworks } from '~/lib/frameworks'
import { scoreHeading } from '~/lib/scores'
import { Wrapped } from './LineageTab'
import { comparisonText, positionsText, reasonText } from './versions'

const route = getRouteApi('/results/$id/versions/$number')

export function ModelCardPage() {
  const path = route.useParams()
  const query = useQuery(resultsVersionsCardRetrieveOptions({ path }))
  const card = query.data
  return (
    <ObjectPage
      what="Model card"
      title={card ? `${card.name}, version ${card.version.number}` : 'Model card'}
      query={query}
      createdAt={card?.version.created_at}
      subtitle={card && <ResultLink id={card.result}>result {card.result}</ResultLink>}
      actions={
        <>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPrinter size={14} aria-hidden />}
            onClick={() => window.print()}
          >
            Print
          </Button>
          <CopyAs
            equivalents={{
              cli: `kafka-ml results card ${path.id} --version ${path.number}`,
              python: `from kafkaml.sdk import Client\n\nclient = Client()\ncard = client.results.card(${path.id}, ${path.number})`,
              curl: curlCall('GET', `/api/results/${path.id}/versions/${path.number}/card/`),
            }}
          />
        </>
      }
    >
      {card && <Card card={card} />}
    </ObjectPage>
  )
}

function Card({ card }: { card: ModelCard }) {
  const { version, data, training, lineage } = card
  const { outcome } = version
  const origin = data && datasetOf(data.input_config)
  const framework = titleOf(useFrameworks(), card.framework)
  return (
    <Stack gap="xl">
      {card.description && <Text style={{ whiteSpace: 'pre-wrap' }}>{card.description}</Text>}
      <Group gap={32}>
        {Object.entries(outcome.scores ?? {}).map(([name, value]) => (
          <Stat
            key={`score ${name}`}
            name={scoreHeading(name)}
            value={formatMeasured(value)}
            note={baselineText(outcome.baseline, name, value)}
          />
        ))}
        {Object.entries(outcome.test_metrics).map(([name, value]) => (
          <Stat key={name} name={`Test ${name}`} value={formatMeasured(value)} />
        ))}
        <Stat name="Samples trained" value={formatCount(outcome.samples.training)} />
      </Group>
      {outcome.warnings.length > 0 && <Warnings texts={outcome.warnings} />}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl" verticalSpacing="xl">
        <Section title="Version">
          <Facts
            facts={[
              ['Reason', reasonText(version)],
              ['Current', version.current ? 'yes' : 'no'],
              version.comparison !== null && ['Compared', comparisonText(version.comparison)],
              positionsText(version) !== '' && ['Position', positionsText(version)],
              lineage.promoted_by !== '' && [
                'Made current by',
                `${lineage.promoted_by}${lineage.promoted_at ? `, ${formatMoment(lineage.promoted_at)}` : ''}`,
              ],
            ]}
          />
        </Section>
        <Section title="Data">
          {data === null ? (
            <Dimmed>The stream on which it was trained is no longer known.</Dimmed>
          ) : (
            <Facts
              facts={[
                ['Stream', <StreamLink key="stream" id={data.stream}>{`stream ${data.stream}`}</StreamLink>],
                data.description !== '' && ['Description', data.description],
                ['Slice', <Wrapped key="slice" text={data.topic} />],
                ['Records', data.records === null ? 'without end' : formatExact(data.records)],
                origin && ['Data set', <DatasetOriginLink key="dataset" origin={origin} />],
                ['Format', <Wrapped key="format" text={`${data.input_format} ${JSON.stringify(data.input_config)}`} />],
                [
                  'Requested split',
                  `${formatPercent(data.validation_rate)} validation, ${formatPercent(data.test_rate)} test`,
                ],
                outcome.split !== '' && ['Actual split', outcome.split],
                ['Announced', formatMoment(data.announced_at)],
              ]}
            />
          )}
        </Section>
        <Section title="Training">
          <Facts
            facts={[
              ['Framework', framework],
              ['Mode', training.mode],
              ['Batch size', formatExact(training.batch_size)],
              ['Fit', <Wrapped key="fit" text={argumentsText(training.fit)} />],
              ['Evaluation', <Wrapped key="evaluation" text={argumentsText(training.evaluation)} />],
              ['Targets', training.targets],
              ['Seed', String(training.seed)],
              ...samplesFacts(outcome.samples),
            ]}
          />
        </Section>
        <Section title="Lineage">
          <Facts
            facts={[
              ['Model', <ModelLink key="model" id={card.model}>{`model ${card.model}`}</ModelLink>],
              [
                'Deployment',
                <DeploymentLink
                  key="deployment"
                  id={lineage.deployment}
                >{`deployment ${lineage.deployment}`}</DeploymentLink>,
              ],
              [
                'Configuration',
                <ConfigurationLink key="configuration" id={lineage.configuration}>
                  {lineage.configuration_name}
                </ConfigurationLink>,
              ],
              lineage.asked_by !== '' && [
                'Requested by',
                `${lineage.asked_by}${lineage.asked_at ? `, ${formatMoment(lineage.asked_at)}` : ''}`,
              ],
              ['Code', <Wrapped key="code" text={`sha256 ${outcome.code_sha256}`} />],
              ...Object.entries(outcome.versions).map(([name, text]): Fact => [name, text]),
            ]}
          />
        </Section>
      </SimpleGrid>
      {card.classes.length > 0 && (
        <Section title="Classes">
          <RowTable
            label="Classes"
            minWidth={480}
            rows={card.classes}
            rowKey={(row) => row.label}
            columns={[
              { title: 'Class', rowHead: true, cell: (row) => row.label },
              { title: 'Samples', right: true, cell: (row) => formatExact(row.samples) },
              { title: 'Predicted', right: true, cell: (row) => formatExact(row.predicted) },
              { title: 'Recall', right: true, cell: (row) => formatPercent(row.recall) },
              { title: 'Precision', right: true, cell: (row) => formatPercent(row.precision) },
            ]}
          />
        </Section>
      )}
      <Section title="Code">
        <Code block tabIndex={0} role="region" aria-label="Code of the model" style={{ overflowX: 'auto' }}>
          {[card.imports, card.code].filter((text) => text.trim() !== '').join('\n\n')}
        </Code>
      </Section>
    </Stack>
  )
}

function samplesFacts(samples: ModelCard['version']['outcome']['samples']): Fact[] {
  return Object.entries(samples).map(([part, count]) => [`Samples, ${part}`, formatExact(count)])
}

/** Arguments as text, such as 'epochs=10, shuffle=true'. */
function argumentsText(values: Readonly<Record<string, unknown>>): string {
  const texts = Object.entries(values).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return texts.join(', ') || NONE
}
