/** Announces existing records of a topic to a deployment: which records, how they are read, who trains. */

import { Autocomplete, Checkbox, Group, JsonInput, Select, Text } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { CopyAs } from '~/components/CopyAs'
import { DeploymentSelect } from '~/components/DeploymentSelect'
import { FormDialog } from '~/components/FormDialog'
import { NumberField } from '~/components/NumberField'
import { ProblemAlert } from '~/components/ProblemAlert'
import {
  deploymentsListOptions,
  type Format,
  streamsCreate,
  streamsFormatsListOptions,
  type Topic,
  topicsListOptions,
} from '~/lib/api'
import { type AnnounceValues, FIRST_VALUES, offerEquivalents, offerRequest } from './announcing'

const MOST = 200
const MOST_PROPOSED = 20

/** An example of a format's configuration, for the user to complete. */
function exampleOf(format: Format | undefined): string {
  return JSON.stringify(
    Object.fromEntries((format?.settings ?? []).map((setting) => [setting.name, setting.example || '...'])),
  )
}

export function TrainDialog({ topic, onClose }: { topic: Topic; onClose: () => void }) {
  const [chosen, setChosen] = useState<string | null>(null)
  const [values, setValues] = useState(FIRST_VALUES)
  const change = (changes: Partial<AnnounceValues>) => setValues((before) => ({ ...before, ...changes }))
  const formats = useQuery(streamsFormatsListOptions())
  const [edited, setEdited] = useState<string | null>(null)
  const config = edited ?? exampleOf(formats.data?.find((format) => format.name === values.format))
  const deployments = useQuery(deploymentsListOptions({ query: { limit: MOST } }))
  const rows = deployments.data?.results ?? []
  const deployment = rows.find((row) => String(row.id) === chosen)
  const online = deployment?.mode === 'incremental'
  const semiSupervised = Boolean(deployment?.semi_supervised)
  const rule = parsedRule(config)
  const request = offerRequest(topic.name, deployment, values, rule ?? {})
  return (
    <FormDialog
      title="Use for training"
      submit="Announce"
      size="lg"
      disabled={deployment === undefined || rule === null || (semiSupervised && values.unlabelledTopic === '')}
      onClose={onClose}
      onSave={async () => {
        const { data: offer } = await streamsCreate({ body: request, throwOnError: true })
        return offer.stream === null
          ? `${topic.name} announced to deployment ${offer.deployment}`
          : `It had already been announced: stream ${offer.stream}`
      }}
      aside={<CopyAs equivalents={offerEquivalents(request)} />}
    >
      <Text size="sm">
        {online
          ? 'The deployment trains incrementally: it reads the topic from now on. No record is copied.'
          : 'For data that was sent without an announcement, or whose announcement was missed. No record is copied: the ' +
            'deployment reads these offsets.'}
      </Text>
      <DeploymentSelect rows={rows} value={chosen} onChange={setChosen} />
      {online ? (
        <Checkbox
          label="Start with the oldest record"
          description="Otherwise it learns only from records that arrive after the announcement"
          checked={values.fromFirst}
          onChange={(event) => change({ fromFirst: event.currentTarget.checked })}
        />
      ) : (
        <Group grow align="flex-start">
          <Select
            label="Partition"
            placeholder="All"
            clearable
            data={topic.partitions.map((partition) => String(partition.partition))}
            value={values.partition}
            onChange={(partition) => change({ partition })}
          />
          <NumberField
            label="From offset"
            placeholder="The first"
            min={0}
            value={values.start}
            onChange={(start) => change({ start })}
          />
          <NumberField
            label="To offset (exclusive)"
            placeholder="The last"
            min={0}
            value={values.end}
            onChange={(end) => change({ end })}
          />
        </Group>
      )}
      {semiSupervised && (
        <UnlabelledTopic
          labelled={topic.name}
          online={online}
          value={values.unlabelledTopic}
          onChange={(unlabelledTopic) => change({ unlabelledTopic })}
        />
      )}
      <Select
        label="Format"
        data={(formats.data ?? []).map((format) => format.name)}
        value={values.format}
        onChange={(format) => format !== null && change({ format: format as AnnounceValues['format'] })}
      />
      <JsonInput
        label="Format settings"
        autosize
        minRows={2}
        value={config}
        onChange={setEdited}
        error={rule === null ? 'expected a JSON object' : undefined}
      />
      <Group grow>
        <Share label="Validation" value={values.validation} onChange={(validation) => change({ validation })} />
        {!online && <Share label="Test" value={values.test} onChange={(test) => change({ test })} />}
      </Group>
      <ProblemAlert error={deployments.error ?? formats.error} title="The topic cannot be announced" />
    </FormDialog>
  )
}

/** Chooses the topic of samples without labels. The deployment reads the whole topic. */
function UnlabelledTopic({
  labelled,
  online,
  value,
  onChange,
}: {
  labelled: string
  online: boolean
  value: string
  onChange: (topic: string) => void
}) {
  const [search] = useDebouncedValue(value, 300)
  const topics = useQuery(topicsListOptions({ query: { search, limit: MOST_PROPOSED } }))
  const names = (topics.data?.results ?? []).map((topic) => topic.name)
  return (
    <Autocomplete
      label="Topic without labels"
      description={`The deployment is semi-supervised: it also learns from samples without labels, ${
        online ? 'those that arrive in this topic' : 'all records of this topic'
      }, in the same format`}
      required
      data={names.filter((name) => name !== labelled)}
      value={value}
      onChange={onChange}
      error={value === labelled ? 'Expected a topic other than that of the labelled samples' : undefined}
    />
  )
}

function Share(props: { label: string; value: number | string; onChange: (share: number | string) => void }) {
  return <NumberField min={0} max={1} step={0.05} {...props} />
}

/** The configuration as an object; null while the text is not one. */
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
