/** Serves a trained model: which result, the topics that it reads and writes, the number of replicas. */

import { Alert, Button, Code, Group, Select, Skeleton, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useDebouncedValue } from '@mantine/hooks'
import { useMutation, useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo } from 'react'
import { AnchorLink } from '~/components/ButtonLink'
import { CodeEditor } from '~/components/CodeEditor'
import { CopyAs } from '~/components/CopyAs'
import { DraftNote } from '~/components/DraftNote'
import { EmptyState } from '~/components/EmptyState'
import { FieldError } from '~/components/FieldError'
import { Advanced, FormActions, WhatWillHappen } from '~/components/FormParts'
import { PageTitle } from '~/components/ListPage'
import { NumberField } from '~/components/NumberField'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Toggle } from '~/components/Toggle'
import { Warnings } from '~/components/Warnings'
import {
  clustersNamesListOptions,
  type Framework,
  inferencesCreateMutation,
  inferencesListOptions,
  modelsRetrieveOptions,
  type ResultRow,
  resultsListOptions,
  streamsFormatsListOptions,
  streamsRetrieveOptions,
  systemRetrieveOptions,
  topicsListOptions,
} from '~/lib/api'
import { COLUMNS, contractOf } from '~/lib/datasets'
import { useDraft } from '~/lib/drafts'
import { formatMetric, formatPercent } from '~/lib/format'
import { titleOf, useFrameworks } from '~/lib/frameworks'
import { notifyDone } from '~/lib/notify'
import { problemOf } from '~/lib/problem'
import { scoreTitle } from '~/lib/scores'
import { useSession } from '~/lib/session'
import {
  checkForm,
  checkOf,
  type DeployForm,
  EMPTY_FORM,
  equivalentsOf,
  formatText,
  INCLUDE_FIELD,
  includable,
  parseObject,
  partitionNote,
  requestOf,
  sentence,
  suggestedTopics,
} from './deploy'
import { NeedsEditor } from './NeedsEditor'
import { NewestRecord } from './NewestRecord'
import { SendHint } from './SendHint'
import { StartField } from './StartField'
import { TierFields } from './TierFields'
import { TopicFields } from './TopicFields'
import { handsUp, isUpper, upperFormat } from './tiers'
import { useTierSuggestion } from './useTierSuggestion'

const route = getRouteApi('/inference/new')
const DRAFT = 'inference'

export function InferenceNewPage() {
  const { can } = useSession()
  const results = useQuery(resultsListOptions({ query: { ordering: '-id', limit: 200 } }))
  // Results of running trainings count too, because they have a version as soon as their model was good enough.
  const trained = results.data?.results.filter((result) => result.current_version !== null)
  const title = (
    <PageTitle
      title="Serve a model"
      description="A trained model reads records from one topic and writes predictions to another."
    />
  )
  if (!can('editor')) return <NeedsEditor title={title} />
  if (results.isPending) {
    return (
      <Stack>
        {title}
        <Skeleton height={280} />
      </Stack>
    )
  }
  return (
    <Stack>
      {title}
      <ProblemAlert error={results.error} onRetry={() => void results.refetch()} />
      {trained?.length === 0 ? (
        <EmptyState title="No trained model yet" command="kafka-ml results list">
          Only a training run that has a version can be served. A version is created when training ends, or when
          incremental training has improved the model.{' '}
          <AnchorLink to="/training" inherit underline="always">
            See the training runs
          </AnchorLink>
        </EmptyState>
      ) : (
        trained && <NewForm results={trained} />
      )}
    </Stack>
  )
}

function NewForm({ results }: { results: readonly ResultRow[] }) {
  const { result: asked, version } = route.useSearch()
  const navigate = useNavigate()
  const { start, restored, keep, forget } = useDraft<DeployForm>(DRAFT, EMPTY_FORM)
  const form = useForm<DeployForm>({
    initialValues: start,
    validate: checkForm as (values: DeployForm) => Record<string, string>,
    validateInputOnBlur: true,
    onValuesChange: keep,
  })
  const values = form.values
  const create = useMutation(inferencesCreateMutation())
  const system = useQuery(systemRetrieveOptions())
  const clusters = useQuery(clustersNamesListOptions())
  const formats = useQuery(streamsFormatsListOptions())
  const cluster = clusters.data?.find((clusterName) => String(clusterName.id) === values.cluster)
  // A draft may ask for autoscaling that is no longer possible. Its field is shown, so that the user can turn it off.
  const scales = (cluster?.keda ?? system.data?.launcher.autoscaling === true) || values.max_replicas !== ''
  const offersClusters = (clusters.data ?? []).length > 0 || values.cluster !== null
  const result = results.find((candidate) => String(candidate.id) === values.result)
  const stream = useQuery({
    ...streamsRetrieveOptions({ path: { id: String(result?.stream ?? 0) } }),
    enabled: Boolean(result?.stream),
    retry: false,
  })

  const upper = isUpper(result)
  const model = useQuery({
    ...modelsRetrieveOptions({ path: { id: String(result?.model ?? 0) } }),
    enabled: upper,
    retry: false,
  })
  const found = upper ? model.data && upperFormat(model.data.report) : stream.data
  const byContract = found?.input_format === COLUMNS

  const choose = (id: string | null) => {
    const chosen = results.find((candidate) => String(candidate.id) === id)
    const before = result ? suggestedTopics(result.model_name) : null
    form.setFieldValue('result', id)
    form.setFieldValue('version', id === String(asked) ? (version ?? null) : null)
    if (!chosen) return
    const suggested = suggestedTopics(chosen.model_name)
    // Topics that the user typed stay; suggested ones follow the chosen model.
    for (const name of ['input_topic', 'output_topic'] as const) {
      const untouched = ['', before?.[name], values.suggested?.[name]]
      if (untouched.includes(values[name])) form.setFieldValue(name, suggested[name])
    }
    for (const name of ['upper_topic', 'limit', 'upper_bootstrap_servers'] as const) {
      const untouched = name !== 'upper_bootstrap_servers' && values[name] === values.suggested?.[name]
      if (!handsUp(chosen) || untouched) form.setFieldValue(name, '')
    }
    form.setFieldValue('suggested', null)
    // Fields to include belong to a contract, and the new result may have another.
    if (id !== values.result) form.setFieldValue('include', [])
    if (!chosen.stream && !isUpper(chosen)) form.setFieldValue('as_stream', false)
  }
  // The result in the address wins over an older draft when the page is opened from a result.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another address chooses again
  useEffect(() => {
    if (asked !== undefined) choose(String(asked))
  }, [asked, version])

  // A contract holds what its training learnt, so it is always taken from the stream, whatever a draft says.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the form is the same one
  useEffect(() => {
    if (byContract) form.setFieldValue('as_stream', true)
  }, [byContract])

  const suggestion = useTierSuggestion(form, result)

  const frameworks = useFrameworks()
  const [topic] = useDebouncedValue(values.input_topic, 400)
  const known = useQuery({
    ...topicsListOptions({ query: { search: topic, limit: 100 } }),
    enabled: topic !== '' && !checkForm(values).input_topic,
    retry: false,
  })
  const partitions = known.data?.results.find((topicSummary) => topicSummary.name === topic)?.partitions ?? null
  const [output] = useDebouncedValue(values.output_topic, 400)
  const others = useQuery({
    ...inferencesListOptions({ query: { output_topic: output, limit: 5 } }),
    enabled: output !== '',
  })
  // Tiers of one chain usually share their output topic, so other tiers there are expected.
  const strangers = (others.data?.results ?? []).filter((inference) => inference.tier === '' || result?.tier == null)
  const stranger = asked !== undefined && !results.some((listed) => listed.id === asked)
  const labels = result?.outcome?.labels ?? []
  const warnings = result?.outcome?.warnings ?? []
  const formatFrom =
    found &&
    `${formatText(found.input_format, found.input_config)}, ${upper ? "the model's own input" : `from stream ${stream.data?.id}`}`

  const config = values.as_stream ? found?.input_config : (parseObject(values.input_config) ?? undefined)
  const includes = includable(config)

  const submit = form.onSubmit(async (sent) => {
    try {
      const made = await create.mutateAsync({ body: requestOf(sent) })
      forget()
      notifyDone(`Inference ${made.id} starting`)
      await navigate({ to: '/inference/$id', params: { id: String(made.id) } })
    } catch (error) {
      form.setErrors(problemOf(error).byField())
    }
  })
  const problem = create.error ? problemOf(create.error) : null
  return (
    <form onSubmit={submit} noValidate>
      <Stack maw={760} gap="md">
        {restored && form.isDirty() === false && start.result !== null && (
          <DraftNote
            onDiscard={() => {
              forget()
              form.setValues(EMPTY_FORM)
            }}
          />
        )}
        {warnings.length > 0 && <Warnings texts={warnings} of={`result ${result?.id}`} />}
        {stranger && (
          <Alert color="yellow" py={6}>
            Result {asked} has no version yet: choose another, or wait until its training has finished.
          </Alert>
        )}
        <Select
          label="Result"
          description="The trained model to serve"
          placeholder="Choose a training run"
          withAsterisk
          searchable
          data={results.map((listed) => ({ value: String(listed.id), label: resultLabel(listed, frameworks) }))}
          {...form.getInputProps('result')}
          onChange={choose}
        />
        {values.version !== null && (
          <Text size="sm">
            Version {values.version} of it is served, and stays when another becomes current.{' '}
            <Button size="compact-xs" variant="default" onClick={() => form.setFieldValue('version', null)}>
              Follow the current one
            </Button>
          </Text>
        )}
        <TopicFields
          input={form.getInputProps('input_topic')}
          output={form.getInputProps('output_topic')}
          answers="Predictions are written here"
        />
        <NewestRecord asked={useMemo(() => checkOf(values), [values])} />
        <StartField {...form.getInputProps('start')} />
        {handsUp(result) && <TierFields form={form} upper={aboveOf(results, result)} proposed={suggestion?.limit} />}
        {strangers.length > 0 && (
          <Text size="sm" style={{ color: 'var(--kml-waiting)' }}>
            {strangers.map((inference) => `Inference ${inference.id} (${inference.model_name})`).join(', ')} also writes
            to {output}: readers can tell them apart only by the header kml-inference.
          </Text>
        )}
        <NumberField
          label="Replicas"
          description={
            <>
              Processes that share the partitions of the input topic. 0: only external workers serve it, for example at
              the edge.{' '}
              {topic && known.data && !known.isFetching && partitionNote(values.replicas || 1, topic, partitions)}
            </>
          }
          w={{ base: '100%', sm: 420 }}
          min={0}
          max={256}
          allowDecimal={false}
          {...form.getInputProps('replicas')}
          onChange={(value) => form.setFieldValue('replicas', typeof value === 'number' ? value : 1)}
        />
        {values.replicas === 0 && (
          <Alert color="gray" title="Each machine runs one command">
            <Stack gap="xs">
              <Code block>kafka-ml worker run --url {window.location.origin} --inference N --token TOKEN</Code>
              <Text size="sm">
                The page of the inference shows the whole command, for Python and for Docker, with a token for this
                inference only. The machine needs no Kubernetes; it only has to reach the platform and Kafka at{' '}
                {system.data?.broker.sink_bootstrap_servers ?? 'its address'}.
              </Text>
            </Stack>
          </Alert>
        )}
        {scales && (
          <NumberField
            label="Maximum replicas"
            description="The number of replicas follows the lag, between the two. Empty: always as many as above"
            w={{ base: '100%', sm: 420 }}
            min={1}
            max={256}
            allowDecimal={false}
            {...form.getInputProps('max_replicas')}
            onChange={(value) => form.setFieldValue('max_replicas', typeof value === 'number' ? value : '')}
          />
        )}
        <Stack gap="xs">
          <Toggle
            size="sm"
            label={upper ? 'Decode records as the tier below hands them up' : 'Decode records like the training data'}
            description={
              formatFrom ??
              (result && !result.stream && !upper ? 'the training stream is no longer known' : 'format, type and shape')
            }
            disabled={result !== undefined && ((!result.stream && !upper) || byContract)}
            checked={values.as_stream}
            onChange={(on) => {
              form.setFieldValue('as_stream', on)
              if (!on && found) {
                form.setFieldValue('input_format', found.input_format)
                form.setFieldValue('input_config', JSON.stringify(found.input_config, null, 2))
              }
            }}
          />
          {!values.as_stream && (
            <Group align="flex-start" gap="md">
              <Select
                label="Input format"
                w={200}
                data={(formats.data ?? []).map((format) => format.name)}
                {...form.getInputProps('input_format')}
              />
              <div style={{ flex: 1, minWidth: 240 }}>
                <CodeEditor
                  label="Format settings, as JSON"
                  language="json"
                  minHeight={96}
                  maxHeight={240}
                  value={values.input_config}
                  onChange={(text) => form.setFieldValue('input_config', text)}
                />
                <FieldError error={form.errors.input_config} />
              </div>
            </Group>
          )}
          {includes && <TagsInput {...INCLUDE_FIELD} data={includes} {...form.getInputProps('include')} />}
        </Stack>
        <Advanced about={`${offersClusters ? 'other clusters, ' : ''}other brokers, timestamps, GPU, visualisation`}>
          <Stack gap="sm">
            {offersClusters && (
              <Select
                label="Cluster"
                description="Another Kubernetes cluster for its replicas, for example where the data is. It cannot be changed later"
                placeholder="The platform's own"
                clearable
                clearButtonProps={{ 'aria-label': "The platform's own" }}
                w={{ base: '100%', sm: 420 }}
                data={(clusters.data ?? []).map((clusterName) => ({
                  value: String(clusterName.id),
                  label: clusterName.name,
                }))}
                {...form.getInputProps('cluster')}
              />
            )}
            <TextInput
              label="Output brokers"
              description="Another Kafka cluster for predictions, as host:port, comma-separated; delivery is then at least once. Empty: the platform's own"
              {...form.getInputProps('output_bootstrap_servers')}
            />
            <Select
              label="Timestamps of predictions"
              description="A prediction for an old record keeps the record's time as long as the output topic retains records that old. Otherwise it gets the time of writing, and a header holds the record's time"
              w={{ base: '100%', sm: 420 }}
              data={[
                { value: 'source', label: 'Time of the input record' },
                { value: 'written', label: 'Time of writing' },
              ]}
              {...form.getInputProps('output_timestamps')}
            />
            <NumberField
              label="GPUs"
              description="Per replica"
              w={160}
              min={0}
              max={64}
              allowDecimal={false}
              {...form.getInputProps('gpu')}
              onChange={(value) => form.setFieldValue('gpu', typeof value === 'number' ? value : 0)}
            />
            <div>
              <CodeEditor
                label="Visualisation"
                description="How predictions are shown live, as JSON. It can be changed later"
                language="json"
                minHeight={80}
                maxHeight={240}
                value={values.visualization}
                onChange={(text) => form.setFieldValue('visualization', text)}
                actions={
                  labels.length > 0 && (
                    <Button
                      size="compact-xs"
                      variant="default"
                      onClick={() => form.setFieldValue('visualization', visualizationOf(labels))}
                    >
                      Fill in labels from the training data
                    </Button>
                  )
                }
              />
              <FieldError error={form.errors.visualization} />
            </div>
          </Stack>
        </Advanced>
        {problem && problem.fields.length === 0 && (
          <ProblemAlert error={problem} title="The inference was not started" />
        )}
        {problem?.fields.some((field) => !(field.field in values)) && <ProblemAlert error={problem} />}
        {result && <WhatWillHappen>{sentence(values, result.model_name, found)}</WhatWillHappen>}
        <SendHint
          topic={values.input_topic}
          contract={found ? contractOf(found.input_format, found.input_config) : null}
          ranges={upper ? '' : (stream.data?.topic ?? '')}
        />
        <FormActions>
          <Button type="submit" loading={create.isPending}>
            Serve
          </Button>
          <CopyAs equivalents={useMemo(() => equivalentsOf(values), [values])} />
        </FormActions>
      </Stack>
    </form>
  )
}

/** The name of the next higher sub-model among the results of the same run. */
function aboveOf(results: readonly ResultRow[], result: ResultRow | undefined): string {
  const above = results.find(
    (candidate) => (candidate.leader ?? candidate.id) === result?.leader && candidate.tier === (result?.tier ?? 0) + 1,
  )
  return above?.model_name ?? 'the tier above'
}

function resultLabel(row: ResultRow, frameworks: readonly Framework[]): string {
  const parts = [`Result ${row.id}`, row.model_name, titleOf(frameworks, row.framework)]
  // The first score is shown, computed on the test samples, as on the result's page and in comparisons.
  for (const [name, value] of Object.entries(row.outcome?.scores ?? {}).slice(0, 1)) {
    const text = name === 'accuracy' ? formatPercent(value) : formatMetric(value)
    parts.push(`test ${scoreTitle(name)} ${text}`)
  }
  return parts.join(' · ')
}

function visualizationOf(labels: readonly string[]): string {
  return JSON.stringify({ type: 'classification', labels: labels.map((label, id) => ({ id, label })) }, null, 2)
}
