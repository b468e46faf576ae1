/** The form that says how the models of a configuration train. It shows only the fields of frameworks that they use. */
import { Button, Checkbox, Group, Select, SimpleGrid, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useDebouncedValue } from '@mantine/hooks'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo } from 'react'
import { ArgumentsInput } from '~/components/ArgumentsInput'
import { StreamLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { FieldError } from '~/components/FieldError'
import { Advanced, FormActions, WhatWillHappen } from '~/components/FormParts'
import { NumberField } from '~/components/NumberField'
import { ProblemAlert } from '~/components/ProblemAlert'
import {
  type Configuration,
  type Deployment,
  deploymentsCheckCreate,
  deploymentsCreateMutation,
  type Framework,
  streamsSendCreate,
} from '~/lib/api'
import { useDraft } from '~/lib/drafts'
import { notifyDone } from '~/lib/notify'
import { problemOf } from '~/lib/problem'
import { ChainFields } from './ChainFields'
import { chainsIn, FIRST_CHAIN } from './chain'
import { DatasetChoice, datasetWords, useChosen, versionIn } from './DatasetChoice'
import { unfitWays } from './datasetRules'
import {
  argumentText,
  type DeployValues,
  deployEquivalents,
  deploySentence,
  firstValues,
  frameworksOf,
  type Purpose,
  requestOf,
  SPLITS,
  splitSentence,
  TARGETS,
} from './form'
import { IncrementalFields } from './IncrementalFields'
import { sharedMetrics } from './incremental'
import { ModeChoice } from './ModeChoice'
import { SemiSupervisedFields } from './SemiSupervisedFields'
import { FIRST_SEMI_SUPERVISED } from './semiSupervised'

export function DeployForm({
  configuration,
  frameworks: described,
  modes,
  first,
  draft: draftName,
  source,
  stream,
}: {
  configuration: Configuration
  frameworks: readonly Framework[]
  modes: readonly string[]
  first: DeployValues
  draft: string
  /** The id of the deployment from which the first values come. */
  source: number | undefined
  /** The id of the stream to train on. */
  stream?: number | undefined
}) {
  const navigate = useNavigate()
  const draft = useDraft<DeployValues>(draftName, first)
  const form = useForm<DeployValues>({ initialValues: draft.start, onValuesChange: draft.keep })
  const create = useMutation(deploymentsCreateMutation())
  const send = useMutation({
    mutationFn: (made: Deployment) =>
      streamsSendCreate({ path: { id: String(stream) }, body: { deployment: made.id }, throwOnError: true }),
  })
  const frameworks = useMemo(() => frameworksOf(configuration, described), [configuration, described])
  const chains = useMemo(() => chainsIn(configuration), [configuration])
  const request = requestOf(
    configuration.id,
    form.values,
    frameworks.map(({ name }) => name),
    chains.flat().map(({ name }) => name),
  )
  // The request is compared as text, because each render makes another object.
  const asked = JSON.stringify({ ...request, stream: stream ?? null })
  const [checked] = useDebouncedValue(asked, 350)
  const check = useQuery({
    queryKey: ['deployment check', checked],
    queryFn: async ({ signal }) =>
      (await deploymentsCheckCreate({ body: JSON.parse(checked), signal, throwOnError: true })).data,
    staleTime: 60_000,
    retry: false,
  })
  const found = Object.fromEntries((check.data?.errors ?? []).map((error) => [error.field, error]))
  // Errors count only while the form still holds the checked values.
  const current = checked === asked
  const errorOf = (field: string) => {
    const error = current ? found[field] : undefined
    return error ? `${error.detail}${error.hint ? ` (${error.hint})` : ''}` : undefined
  }
  const incremental = form.values.mode === 'incremental'
  // A draft of an older version has no data set.
  const chosen = form.values.dataset ?? null
  const dataset = useChosen(chosen)
  const version = dataset && chosen ? versionIn(dataset, chosen.version) : undefined
  const online = version?.online
  const unfit = unfitWays(chosen && { online, labels: version?.contract.labels })
  const { setFieldValue } = form
  // A data set decides the mode: one without end is learnt incrementally.
  useEffect(() => {
    if (online !== undefined)
      setFieldValue('mode', (mode) => (online ? 'incremental' : mode === 'incremental' ? 'classic' : mode))
  }, [online, setFieldValue])
  const noClasses = unfit.confusion_matrix !== undefined
  useEffect(() => {
    if (noClasses) setFieldValue('confusion_matrix', false)
  }, [noClasses, setFieldValue])
  const usual = firstValues(described)
  const advanced =
    (['seed', 'gpu'] as const).some((field) => errorOf(field) || form.values[field] !== usual[field]) ||
    frameworks.some(
      ({ name }) =>
        errorOf(`arguments.${name}.evaluation`) ||
        argumentText(form.values, name, 'evaluation') !== argumentText(usual, name, 'evaluation'),
    )

  const submit = form.onSubmit(async () => {
    try {
      // After a failure to send the stream, another try uses the deployment that was already made.
      const made = send.variables === undefined ? await create.mutateAsync({ body: request }) : send.variables
      draft.forget()
      if (stream !== undefined) await send.mutateAsync(made)
      const begins = made.dataset !== null || stream !== undefined
      notifyDone(`Deployment ${made.id} ${begins ? 'starts' : 'is waiting for data'}`)
      await navigate({ to: '/training/$id', params: { id: String(made.id) } })
    } catch {
      // create.error and send.error are shown below the form.
    }
  })
  const refused = create.error ? problemOf(create.error) : null
  const input = ({ name, title, arguments: described }: Framework, purpose: Purpose, label: string) => {
    const field = `arguments.${name}.${purpose}`
    const { about, example, accepted } = described[purpose]
    return (
      <ArgumentsInput
        key={field}
        label={frameworks.length > 1 ? `${label} with ${title}` : label}
        description={about}
        example={example}
        accepted={Object.entries(accepted).map(([argument, meaning]) => ({ name: argument, ...meaning }))}
        error={errorOf(field) ?? refused?.byField()[field]}
        value={argumentText(form.values, name, purpose)}
        onChange={(value) => {
          const texts = { fit: '', evaluation: '', ...form.values.arguments[name], [purpose]: value }
          form.setFieldValue('arguments', { ...form.values.arguments, [name]: texts })
        }}
      />
    )
  }
  return (
    <form onSubmit={submit} noValidate aria-label="Deploy for training">
      <Stack gap="lg">
        {draft.restored && (
          <Group gap="xs">
            <Dimmed>This is your unsaved draft.</Dimmed>
            <Button
              size="compact-xs"
              variant="subtle"
              onClick={() => {
                form.setValues(first)
                draft.forget()
              }}
            >
              Discard draft
            </Button>
          </Group>
        )}
        {source !== undefined && <Dimmed>Settings copied from deployment {source}.</Dimmed>}
        {stream === undefined ? (
          <DatasetChoice
            configuration={configuration.id}
            targets={form.values.targets}
            value={chosen}
            onChange={(next) => form.setFieldValue('dataset', next)}
            errorOf={(field) => errorOf(field) ?? refused?.byField()[field]}
          />
        ) : (
          <div>
            <Text size="sm">
              Its data: <StreamLink id={stream}>stream {stream}</StreamLink>, sent to it as soon as it is created.
            </Text>
            <FieldError error={errorOf('stream')} />
          </div>
        )}
        <ModeChoice modes={modes} unfit={unfit.modes} {...form.getInputProps('mode')} />
        {chains.length > 0 && (
          <ChainFields
            chains={chains}
            frameworks={frameworks}
            values={form.values.chain ?? FIRST_CHAIN}
            onChange={(change) => form.setFieldValue('chain', { ...(form.values.chain ?? FIRST_CHAIN), ...change })}
            errorOf={(field) => errorOf(field ? `chain.${field}` : 'chain')}
          />
        )}
        {incremental && (
          <IncrementalFields
            values={form.values.incremental}
            onChange={(change) => form.setFieldValue('incremental', { ...form.values.incremental, ...change })}
            metrics={sharedMetrics(
              configuration.model_details,
              chains.length > 0 ? form.values.chain?.metrics : undefined,
            )}
            errorOf={(field) => errorOf(`incremental.${field}`)}
          />
        )}
        {/* Chains cannot be trained semi-supervised. A choice made before is shown, with the API's reason against
            it. */}
        {(chains.length === 0 || form.values.semi_supervised?.on) && (
          <SemiSupervisedFields
            values={form.values.semi_supervised ?? FIRST_SEMI_SUPERVISED}
            unfit={unfit.semi_supervised}
            onChange={(change) =>
              form.setFieldValue('semi_supervised', {
                ...(form.values.semi_supervised ?? FIRST_SEMI_SUPERVISED),
                ...change,
              })
            }
            errorOf={(field) => errorOf(field ? `semi_supervised.${field}` : 'semi_supervised')}
          />
        )}
        {frameworks.map((framework) => input(framework, 'fit', 'Training'))}
        <Group gap="xl" align="flex-start">
          <NumberField
            label="Batch size"
            description="Samples per step"
            w={160}
            min={1}
            max={1_048_576}
            {...form.getInputProps('batch_size')}
            error={errorOf('batch_size')}
          />
          <Checkbox
            mt={28}
            label="Confusion matrix"
            description={
              unfit.confusion_matrix ??
              `Computed on ${incremental ? 'the validation samples' : 'the test samples'}; for classifiers`
            }
            disabled={form.values.targets === 'features' || noClasses}
            {...form.getInputProps('confusion_matrix', { type: 'checkbox' })}
          />
        </Group>
        <Group gap="xl" align="flex-start">
          {!incremental && chosen === null && (
            <Select
              label="Tested on"
              description="Choice of test samples"
              w={220}
              data={Object.entries(SPLITS).map(([value, label]) => ({ value, label }))}
              {...form.getInputProps('split')}
            />
          )}
          {(chains.length === 0 || form.values.targets !== 'labels') && (
            <Select
              label="Targets"
              description="What the models learn to predict"
              w={240}
              data={Object.entries(TARGETS).map(([value, label]) => ({ value, label }))}
              {...form.getInputProps('targets')}
              error={errorOf('targets')}
            />
          )}
        </Group>
        {!incremental && chosen === null && (
          <SmallPrint mt="calc(-1 * var(--mantine-spacing-sm))">{splitSentence(form.values, frameworks)}</SmallPrint>
        )}
        <Advanced about="evaluation, seed, GPUs" pinned={advanced}>
          <Stack gap="md">
            {frameworks.map((framework) => input(framework, 'evaluation', 'Validation and test'))}
            <SimpleGrid cols={{ base: 1, xs: 2 }} maw={420}>
              <NumberField
                label="Seed"
                description="Fixes the split and the initial weights"
                min={0}
                max={2_147_483_647}
                {...form.getInputProps('seed')}
                error={errorOf('seed')}
              />
              <NumberField
                label="GPUs"
                description="Per run. 0: none"
                min={0}
                max={64}
                {...form.getInputProps('gpu')}
                error={errorOf('gpu')}
              />
            </SimpleGrid>
          </Stack>
        </Advanced>
        <ProblemAlert error={create.error} title="The deployment was not created" />
        <ProblemAlert
          error={send.error}
          title={`Deployment ${send.variables?.id} was created, but stream ${stream} was not sent to it`}
        />
        <WhatWillHappen>
          {deploySentence(
            configuration,
            form.values,
            frameworks,
            chosen && dataset ? datasetWords(dataset, chosen.version) : undefined,
          )}
        </WhatWillHappen>
        <FormActions>
          <Button
            type="submit"
            loading={create.isPending || send.isPending}
            disabled={current && check.data?.valid === false}
          >
            Deploy
          </Button>
          <CopyAs equivalents={deployEquivalents(request)} />
        </FormActions>
      </Stack>
    </form>
  )
}
