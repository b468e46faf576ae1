/** Chooses whole models and chains, found by name and framework. The chosen ones stay in sight. */

import { Button, Checkbox, Group, Input, Skeleton, Stack } from '@mantine/core'
import { useQueries, useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { ButtonLink } from '~/components/ButtonLink'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { SearchField } from '~/components/SearchField'
import { modelsListOptions, modelsRetrieveOptions } from '~/lib/api'
import { plural } from '~/lib/format'
import { type Choice, choiceOf, type Unit, unitsOf } from '~/lib/units'
import { UnitTable } from './UnitTable'

const MOST_WHOLE = 100
const MOST_PARTS = 500

/** The chosen models, read wherever they are: in the lists that are shown, or one by one. */
export function useChosen(ids: readonly number[], listed: readonly Choice[]): Choice[] {
  const unlisted = ids.filter((id) => !listed.some((choice) => choice.id === id))
  const others = useQueries({ queries: unlisted.map((id) => modelsRetrieveOptions({ path: { id: String(id) } })) })
  const known = [...listed, ...others.flatMap(({ data }) => (data ? [choiceOf(data)] : []))]
  return ids.flatMap((id) => known.find((choice) => choice.id === id) ?? [])
}

export function ModelPicker({
  value,
  onChange,
  error,
  summary,
}: {
  value: readonly number[]
  onChange: (ids: number[]) => void
  error: ReactNode
  /** Content drawn next to the chosen models. */
  summary: (chosen: readonly Unit[]) => ReactNode
}) {
  const [search, setSearch] = useState('')
  const whole = useQuery(
    modelsListOptions({
      query: { distributed: false, limit: MOST_WHOLE, ordering: '-id', search: search || undefined },
    }),
  )
  const parts = useQuery(modelsListOptions({ query: { distributed: true, limit: MOST_PARTS, ordering: '-id' } }))
  const wholeModels = (whole.data?.results ?? []).map(choiceOf)
  const partModels = (parts.data?.results ?? []).map(choiceOf)
  const chosen = useChosen(value, [...wholeModels, ...partModels])
  const looked = search.toLowerCase()
  const chains = unitsOf(partModels)
  // Any sub-model stands for its chain, because a chain trains as a whole.
  const chosenUnits = [
    ...new Set(chosen.map((model) => chains.find((chain) => chain.some(({ id }) => id === model.id)) ?? alone(model))),
  ]
  const units = [
    ...unitsOf(wholeModels),
    ...chains.filter((unit) => unit.some(({ name }) => name.toLowerCase().includes(looked))),
  ]
  const toggle = (unit: Unit, on: boolean) => {
    const ids = unit.map(({ id }) => id)
    onChange(on ? [...new Set([...value, ...ids])] : value.filter((id) => !ids.includes(id)))
  }
  if (whole.data && parts.data && units.length === 0 && !search && value.length === 0) {
    return (
      <EmptyState
        title="No models yet"
        action={<ButtonLink to="/models/new">Create the first model</ButtonLink>}
        command="kafka-ml models create FILE --name NAME --framework tensorflow"
      >
        A configuration groups models, so you need a model first.
      </EmptyState>
    )
  }
  return (
    <Stack gap="sm">
      <Group justify="space-between" align="flex-end" gap="sm">
        <Input.Label component="div" required>
          Models
        </Input.Label>
        <SearchField label="Find models" value={search} onChange={(text) => setSearch(text?.trim() ?? '')} />
      </Group>
      <ProblemAlert error={whole.error ?? parts.error} onRetry={() => void whole.refetch()} />
      {whole.isLoading ? (
        <Skeleton height={160} />
      ) : units.length === 0 ? (
        <Dimmed>No model matches “{search}”</Dimmed>
      ) : (
        <UnitTable
          label="Models to choose from"
          units={units}
          maxHeight={420}
          lead={(unit) => (
            <Checkbox
              size="xs"
              aria-label={`Use ${unit.map(({ name }) => name).join(' and ')}`}
              checked={unit.some(({ id }) => value.includes(id))}
              onChange={(event) => toggle(unit, event.currentTarget.checked)}
            />
          )}
        />
      )}
      {(whole.data?.count ?? 0) > MOST_WHOLE && (
        <SmallPrint>
          The newest {MOST_WHOLE} of {plural(whole.data?.count ?? 0, 'model')}: type to find others
        </SmallPrint>
      )}
      <Input.Error>{error}</Input.Error>
      <Group gap="xs" role="group" aria-label="Chosen models">
        {chosenUnits.map((unit) => (
          <Button
            key={unit[0].id}
            size="compact-xs"
            variant="default"
            aria-label={`Remove ${unit.map(({ name }) => name).join(' and ')}`}
            onClick={() => toggle(unit, false)}
            rightSection={<span aria-hidden>×</span>}
          >
            {unit.map(({ name }) => name).join(' → ')}
          </Button>
        ))}
      </Group>
      {summary(chosenUnits)}
    </Stack>
  )
}

function alone(model: Choice): Unit {
  return [model]
}
