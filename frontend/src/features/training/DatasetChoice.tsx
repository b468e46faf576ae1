/**
 * Chooses what to train on: a stream sent to the deployment later, or a data set at once. A data set that the models
 * cannot learn is disabled, with the reason.
 */
import { Group, Select, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { DatasetLink } from '~/components/ButtonLink'
import { recordsWords } from '~/components/contract/words'
import { SmallPrint } from '~/components/Dimmed'
import {
  type Dataset,
  type DatasetFit,
  type DatasetVersion,
  datasetsListOptions,
  datasetsRetrieveOptions,
  deploymentsDatasetsOptions,
  type TargetsEnum,
} from '~/lib/api'
import type { ChosenDataset } from './form'

const STREAM = ''
const MOST = 200

export function DatasetChoice({
  configuration,
  targets,
  value,
  onChange,
  errorOf,
}: {
  /** The configuration whose models have to fit the data set. */
  configuration: number
  targets: string
  value: ChosenDataset | null
  onChange: (chosen: ChosenDataset | null) => void
  errorOf: (field: string) => ReactNode
}) {
  const list = useQuery(datasetsListOptions({ query: { limit: MOST, ordering: 'name' } }))
  const fits = useQuery(
    deploymentsDatasetsOptions({ query: { configuration, targets: targets as TargetsEnum, limit: MOST } }),
  )
  const versionsOf = (dataset: number) => (fits.data ?? []).filter((fit) => fit.dataset === dataset)
  const chosen = useChosen(value)
  const listed = list.data?.results ?? []
  // The address may name a data set beyond the end of the list.
  const rows = chosen && !listed.some((dataset) => dataset.id === chosen.id) ? [chosen, ...listed] : listed
  if (list.data && rows.length === 0 && value === null) return null
  return (
    <div>
      <Group align="flex-start" gap="md">
        <Select
          label="Data"
          description="What the models learn from"
          w={300}
          maw="100%"
          searchable
          nothingFoundMessage="No matching data set"
          data={[
            { value: STREAM, label: 'a stream, sent later' },
            ...rows.map((row) => ({
              value: String(row.id),
              label: row.name,
              disabled: misfitOf(versionsOf(row.id)) !== undefined,
            })),
          ]}
          renderOption={({ option }) => (
            <OptionText text={option.label} misfit={misfitOf(versionsOf(Number(option.value)))} />
          )}
          value={value === null ? STREAM : String(value.id)}
          onChange={(next) => onChange(next ? { id: Number(next), version: firstFit(versionsOf(Number(next))) } : null)}
          error={errorOf('dataset')}
        />
        {value !== null && (
          <Select
            label="Version"
            description="Versions never change"
            w={160}
            comboboxProps={{ width: 'max-content', position: 'bottom-start' }}
            data={['', ...(chosen?.versions ?? []).map(({ number }) => String(number))].map((number) => ({
              value: number,
              label: number || 'the newest',
              disabled: misfitOf(numbered(versionsOf(value.id), number)) !== undefined,
            }))}
            renderOption={({ option }) => (
              <OptionText text={option.label} misfit={misfitOf(numbered(versionsOf(value.id), option.value))} />
            )}
            value={value.version === null ? '' : String(value.version)}
            onChange={(next) => onChange({ ...value, version: next ? Number(next) : null })}
            error={errorOf('dataset_version')}
          />
        )}
      </Group>
      {chosen && value && (
        <SmallPrint mt={4}>
          <DatasetLink size="xs" id={chosen.id} search={value.version ? { version: value.version } : {}}>
            {chosen.name}
          </DatasetLink>
          : {aboutText(chosen, value.version)}
        </SmallPrint>
      )}
    </div>
  )
}

function OptionText({ text, misfit }: { text: string; misfit: string | undefined }) {
  return (
    <Stack gap={0} maw={420}>
      <Text size="sm">{text}</Text>
      {misfit && <SmallPrint>{misfit}.</SmallPrint>}
    </Stack>
  )
}

/** Why no version fits; undefined when one does. The reason is that of the newest version. */
function misfitOf(versions: readonly DatasetFit[]): string | undefined {
  return versions.every((version) => version.reason) ? versions[0]?.reason : undefined
}

/** The number of the newest version that fits; null when that is the newest version of all. */
function firstFit(versions: readonly DatasetFit[]): number | null {
  const place = versions.findIndex((version) => !version.reason)
  return place > 0 ? (versions[place]?.version ?? null) : null
}

/** The version with this number as a list; '' stands for the newest. */
function numbered(versions: readonly DatasetFit[], number: string): readonly DatasetFit[] {
  return number === '' ? versions.slice(0, 1) : versions.filter((version) => String(version.version) === number)
}

/** The chosen data set; undefined until it has been read. */
export function useChosen(value: ChosenDataset | null): Dataset | undefined {
  const query = useQuery({
    ...datasetsRetrieveOptions({ path: { id: String(value?.id) } }),
    enabled: value !== null,
  })
  return value !== null && query.data?.id === value.id ? query.data : undefined
}

/** A version as text, such as 'version 2 of readings'. */
export function datasetWords(dataset: Dataset, version: number | null): string {
  return `version ${version ?? dataset.versions[0]?.number} of ${dataset.name}`
}

/** The version with this number; null stands for the newest. */
export function versionIn(dataset: Dataset, number: number | null): DatasetVersion | undefined {
  return dataset.versions.find((version) => version.number === number) ?? dataset.versions[0]
}

function aboutText(dataset: Dataset, number: number | null): string {
  const version = versionIn(dataset, number)
  if (!version) return ''
  const names = (parts: readonly { name: string }[]) => parts.map((part) => part.name).join(', ')
  const { columns, labels } = version.contract
  return `${recordsWords(version)}, ${names(columns)}${labels.length > 0 ? ` → ${names(labels)}` : ''}`
}
