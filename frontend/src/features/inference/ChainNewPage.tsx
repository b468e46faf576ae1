/**
 * Serves all tiers of a distributed model at once. Topics and limits are proposed; either all inferences are made or
 * none.
 */

import { Alert, Button, Select, Skeleton, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import { CopyAs } from '~/components/CopyAs'
import { EmptyState } from '~/components/EmptyState'
import { FormActions, WhatWillHappen } from '~/components/FormParts'
import { LimitCurves } from '~/components/LimitCurves'
import { PageTitle } from '~/components/ListPage'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Section } from '~/components/Section'
import {
  type ChainProposal,
  chainsCreateMutation,
  chainsRetrieveOptions,
  type ResultRow,
  resultsListOptions,
} from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { problemOf } from '~/lib/problem'
import { useSession } from '~/lib/session'
import { ChainTiers } from './ChainTiers'
import {
  type ChainForm,
  chainCheckOf,
  chainEquivalents,
  chainRequest,
  chainSentence,
  limitsOf,
  valuesOf,
} from './chain'
import { startProblem } from './deploy'
import { NeedsEditor } from './NeedsEditor'
import { NewestRecord } from './NewestRecord'
import { StartField } from './StartField'
import { TopicFields } from './TopicFields'

const route = getRouteApi('/inference/chain')

export function ChainNewPage() {
  const { can } = useSession()
  const { result, limits } = route.useSearch()
  const navigate = route.useNavigate()
  const results = useQuery(resultsListOptions({ query: { ordering: '-id', limit: 200 } }))
  const chains = (results.data?.results ?? []).filter(
    (row) => row.tier !== null && row.leader === null && row.current_version !== null,
  )
  const asked = results.data?.results.find((row) => row.id === result)
  // Any sub-model stands for its chain. A single chain is chosen automatically.
  const chosen = asked ? (asked.leader ?? asked.id) : (result ?? (chains.length === 1 ? chains[0]?.id : undefined))
  const proposal = useQuery({
    ...chainsRetrieveOptions({ query: { result: chosen ?? 0 } }),
    enabled: chosen !== undefined,
    retry: false,
  })
  const shown = proposal.data?.result === chosen ? proposal.data : undefined
  const title = (
    <PageTitle
      title="Serve a whole chain"
      description="Every tier becomes an inference: it answers what it is confident about and hands the rest to the tier above."
    />
  )
  if (!can('editor')) return <NeedsEditor title={title} />
  if (results.data && chains.length === 0 && result === undefined) {
    return (
      <Stack>
        {title}
        <EmptyState title="No trained distributed model yet" command="kafka-ml results list">
          A chain can be served once its sub-models are trained.
        </EmptyState>
      </Stack>
    )
  }
  return (
    <Stack>
      {title}
      <ProblemAlert error={results.error} onRetry={() => void results.refetch()} />
      <Select
        label="Chain"
        description="The training run of its top tier"
        placeholder="Choose a chain"
        maw={420}
        searchable
        data={chains.map((chain) => ({
          value: String(chain.id),
          label: chainLabel(chain, results.data?.results ?? []),
        }))}
        value={chosen === undefined ? null : String(chosen)}
        onChange={(id) => void navigate({ search: { result: Number(id) } })}
      />
      <ProblemAlert error={proposal.error} title="This chain cannot be served" />
      {shown ? (
        <Form key={`${shown.result} ${limits}`} proposal={shown} limits={limits} />
      ) : (
        chosen !== undefined && !proposal.error && <Skeleton height={280} role="status" aria-label="Loading" />
      )}
    </Stack>
  )
}

function Form({ proposal, limits }: { proposal: ChainProposal; limits: string | undefined }) {
  const navigate = useNavigate()
  const form = useForm<ChainForm>({
    initialValues: valuesOf(proposal, limitsOf(limits)),
    validate: { start: startProblem },
    validateInputOnBlur: true,
  })
  const create = useMutation(chainsCreateMutation())
  const { values } = form
  const request = chainRequest(proposal.result, values)
  const submit = form.onSubmit(async () => {
    try {
      const { inferences } = await create.mutateAsync({ body: request })
      notifyDone(`Inferences ${inferences.map(({ id }) => id).join(', ')} starting`)
      await navigate({ to: '/inference' })
    } catch (error) {
      form.setErrors(problemOf(error).byField())
    }
  })
  const refused = create.error ? problemOf(create.error) : null
  const shownAtFields = [
    'input_topic',
    'start',
    'output_topic',
    ...values.tiers.flatMap((_, place) => TIER_FIELDS.map((field) => `tiers.${place}.${field}`)),
  ]
  return (
    <form onSubmit={submit} noValidate aria-label="Serve a whole chain">
      <Stack gap="lg">
        <TopicFields
          input={form.getInputProps('input_topic')}
          output={form.getInputProps('output_topic')}
          answers="All tiers answer here"
        />
        <NewestRecord asked={useMemo(() => chainCheckOf(values), [values])} />
        <StartField {...form.getInputProps('start')} />
        <ChainTiers form={form} />
        {proposal.obstacle && (
          <Alert color="yellow" title="No limits proposed">
            <Text size="sm">{proposal.obstacle}: choose them yourself, each above its minimum.</Text>
          </Alert>
        )}
        {refused && !refused.isOnlyAbout(shownAtFields) && (
          <ProblemAlert error={create.error} title="The chain was not started" />
        )}
        <WhatWillHappen>{chainSentence(values)}</WhatWillHappen>
        {!proposal.obstacle && (
          <Section title="How limits work">
            <LimitCurves
              result={proposal.result}
              limits={values.tiers.map(({ limit }) => (typeof limit === 'number' ? limit : undefined)).slice(0, -1)}
              onLimits={(chosen) => {
                for (const [place, limit] of chosen.entries()) {
                  if (limit !== undefined) form.setFieldValue(`tiers.${place}.limit`, limit)
                }
              }}
            />
          </Section>
        )}
        <FormActions>
          <Button type="submit" loading={create.isPending}>
            Serve the chain
          </Button>
          <CopyAs equivalents={chainEquivalents(request, values)} />
        </FormActions>
      </Stack>
    </form>
  )
}

const TIER_FIELDS = [
  'limit',
  'upper_topic',
  'upper_bootstrap_servers',
  'output_bootstrap_servers',
  'replicas',
  'cluster',
  'gpu',
] as const

function chainLabel(top: ResultRow, results: readonly ResultRow[]): string {
  const names = results
    .filter((result) => (result.leader ?? result.id) === top.id)
    .sort((a, b) => (a.tier ?? 0) - (b.tier ?? 0))
    .map(({ model_name }) => model_name)
  return `Result ${top.id}: ${names.join(' → ')}`
}
