/** Announces records that are in a topic already to a deployment: which of them, how they are read, who trains. */

import { Group, JsonInput, NumberInput, Select, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { CopyAs } from '~/components/CopyAs'
import { DeploymentSelect } from '~/components/DeploymentSelect'
import { FormDialog } from '~/components/FormDialog'
import { ProblemAlert } from '~/components/ProblemAlert'
import {
  deploymentsListOptions,
  type Format,
  type OfferRequest,
  streamsCreate,
  streamsFormatsListOptions,
  type Topic,
} from '~/lib/api'
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'

const MOST = 200

/** What a rule of a format holds, to be completed. */
function exampleOf(format: Format | undefined): string {
  return JSON.stringify(Object.fromEntries((format?.settings ?? []).map((each) => [each.name, each.example || '...'])))
}

export function TrainDialog({ topic, onClose }: { topic: Topic; onClose: () => void }) {
  const [deployment, setDeployment] = useState<string | null>(null)
  const [partition, setPartition] = useState<string | null>(null)
  const [start, setStart] = useState<number | string>('')
  const [end, setEnd] = useState<number | string>('')
  const formats = useQuery(streamsFormatsListOptions())
  const [format, setFormat] = useState<OfferRequest['input_format']>('RAW')
  const [edited, setEdited] = useState<string | null>(null)
  const config = edited ?? exampleOf(formats.data?.find((each) => each.name === format))
  const [validation, setValidation] = useState<number | string>(0.1)
  const [test, setTest] = useState<number | string>(0.1)
  const deployments = useQuery(deploymentsListOptions({ query: { limit: MOST } }))
  const rule = parsedRule(config)
  const request: OfferRequest = {
    deployment: Number(deployment ?? 0),
    topic: topic.name,
    ...(partition === null ? {} : { partition: Number(partition) }),
    ...(start === '' ? {} : { start: Number(start) }),
    ...(end === '' ? {} : { end: Number(end) }),
    input_format: format,
    input_config: rule ?? {},
    validation_rate: Number(validation),
    test_rate: Number(test),
  }
  return (
    <FormDialog
      title="Use for training"
      submit="Announce"
      size="lg"
      disabled={deployment === null || rule === null}
      onClose={onClose}
      onSave={async () => {
        const { data: offer } = await streamsCreate({ body: request, throwOnError: true })
        return offer.stream === null
          ? `${topic.name} is announced to deployment ${offer.deployment}`
          : `The same was announced before: stream ${offer.stream}`
      }}
      aside={<CopyAs equivalents={offerEquivalents(request)} />}
    >
      <Text size="sm">
        Data that was sent without an announcement, or with one that nobody heard: no record is copied, the deployment
        reads these offsets.
      </Text>
      <DeploymentSelect rows={deployments.data?.results ?? []} value={deployment} onChange={setDeployment} />
      <Group grow align="flex-start">
        <Select
          label="Partition"
          placeholder="All"
          clearable
          data={topic.partitions.map((each) => String(each.partition))}
          value={partition}
          onChange={setPartition}
        />
        <NumberInput label="From offset" placeholder="The first" min={0} value={start} onChange={setStart} />
        <NumberInput label="To offset (exclusive)" placeholder="The last" min={0} value={end} onChange={setEnd} />
      </Group>
      <Select
        label="Format"
        data={(formats.data ?? []).map((each) => each.name)}
        value={format}
        onChange={(value) => value !== null && setFormat(value as typeof format)}
      />
      <JsonInput
        label="How records are read"
        autosize
        minRows={2}
        value={config}
        onChange={setEdited}
        error={rule === null ? 'expected a JSON object' : undefined}
      />
      <Group grow>
        <NumberInput label="Validation" min={0} max={1} step={0.05} value={validation} onChange={setValidation} />
        <NumberInput label="Test" min={0} max={1} step={0.05} value={test} onChange={setTest} />
      </Group>
      <ProblemAlert error={deployments.error ?? formats.error} title="Nothing can be announced" />
    </FormDialog>
  )
}

/** The rule as an object; null while the text is none. */
function parsedRule(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text || '{}')
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/** The same announcement without the page. */
export function offerEquivalents(request: OfferRequest): Equivalents {
  const { topic, input_config: config, ...rest } = request
  const options = [
    `--deployment ${request.deployment || 'N'}`,
    `--format ${request.input_format}`,
    ...(config && Object.keys(config).length > 0 ? [`--config ${shellQuote(JSON.stringify(config))}`] : []),
    ...(request.partition == null ? [] : [`--partition ${request.partition}`]),
    ...(request.start == null ? [] : [`--from ${request.start}`]),
    ...(request.end == null ? [] : [`--to ${request.end}`]),
    `--validation-rate ${request.validation_rate}`,
    `--test-rate ${request.test_rate}`,
  ]
  return {
    cli: ['kafka-ml streams announce', shellQuote(topic), ...options].join(' '),
    python: pythonCall('client.streams.announce', { topic, ...rest, input_config: config }),
    curl: curlCall('POST', '/api/streams/', request),
  }
}
