/**
 * The versions of a result: the metrics of each and the reason for it; two side by side, files, and which one is
 * current.
 */

import { Badge, Button, Checkbox, Group, Modal, Skeleton, Stack, Text, VisuallyHidden } from '@mantine/core'
import { IconPin } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Age } from '~/components/Age'
import { InferenceLink } from '~/components/ButtonLink'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { Section } from '~/components/Section'
import { type Inference, inferencesListOptions, type Result, type Version } from '~/lib/api'
import { formatMeasured, NONE } from '~/lib/format'
import { useSession } from '~/lib/session'
import { useVersions } from '~/lib/useVersions'
import { FileTable } from './FileTable'
import type { ResultSearch } from './routes'
import { VersionActions } from './VersionActions'
import {
  chosenOf,
  comparisonText,
  differencesOf,
  positionsText,
  reasonText,
  versionMetrics,
  withChoice,
} from './versions'

const NO_INFERENCES: readonly Inference[] = []

export function VersionsTab({
  result,
  search,
  onSearch,
}: {
  result: Result
  search: ResultSearch
  onSearch: (change: ResultSearch) => void
}) {
  const query = useVersions(result.id, [result.version_count, result.current_version])
  const inferences = useQuery(inferencesListOptions({ query: { result: result.id, limit: 100 } }))
  const serving = inferences.data?.results ?? NO_INFERENCES
  const [files, setFiles] = useState<Version | null>(null)
  const versions = query.data
  if (query.isError) return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
  if (!versions) return <Skeleton height={160} role="status" aria-label="Loading" />
  if (versions.length === 0) {
    return (
      <Text c="dimmed">
        The first version is created when training ends. Incremental training also creates one whenever the model has
        improved by the required amount.
      </Text>
    )
  }
  const chosen = chosenOf(search.versions, versions)
  const [newer, older] = chosen
  return (
    <Stack gap="lg">
      <Dimmed>
        {versions.length > 1
          ? 'The current version is downloaded and served by default. Tick two versions to compare them.'
          : 'Training again creates another version; this one is kept.'}
      </Dimmed>
      <VersionTable
        result={result}
        versions={versions}
        chosen={chosen}
        serving={serving}
        onChoose={(number) => onSearch({ versions: withChoice(search.versions, number) })}
        onFiles={setFiles}
      />
      {newer && older && <SideBySide older={older} newer={newer} />}
      <Modal
        opened={files !== null}
        onClose={() => setFiles(null)}
        title={`Files of version ${files?.number}`}
        size="xl"
      >
        {files && <FileTable result={result} version={files.number} files={files.artifacts} />}
      </Modal>
    </Stack>
  )
}

function VersionTable({
  result,
  versions,
  chosen,
  serving,
  onChoose,
  onFiles,
}: {
  result: Result
  versions: readonly Version[]
  chosen: readonly Version[]
  serving: readonly Inference[]
  onChoose: (number: number) => void
  onFiles: (version: Version) => void
}) {
  const { can } = useSession()
  return (
    <RowTable
      label="Versions"
      minWidth={1000}
      rows={versions}
      rowKey={(version) => version.number}
      columns={[
        versions.length > 1 && {
          title: <VisuallyHidden>Compare</VisuallyHidden>,
          w: 36,
          cell: (version) => (
            <Checkbox
              size="xs"
              aria-label={`Compare version ${version.number}`}
              checked={chosen.includes(version)}
              onChange={() => onChoose(version.number)}
            />
          ),
        },
        {
          title: 'Version',
          rowHead: true,
          cell: (version) => (
            <Group gap={6} wrap="nowrap">
              {version.number}
              {version.current && <CurrentBadge />}
              {version.pinned && <IconPin size={14} aria-label="pinned" />}
            </Group>
          ),
        },
        { title: 'Created', cell: (version) => <Age at={version.created_at} size="sm" /> },
        { title: 'Reason', cell: reasonText },
        ...versionMetrics(versions)
          .slice(0, 3)
          .map((metric) => ({
            title: `Test ${metric}`,
            right: true,
            cell: ({ outcome }: Version) =>
              metric in outcome.test_metrics ? formatMeasured(outcome.test_metrics[metric]) : NONE,
          })),
        {
          title: 'Compared',
          cell: (version) => comparisonText(version.comparison) || NONE,
          td: { maw: 260, style: { overflowWrap: 'anywhere' } },
        },
        versions.some((version) => positionsText(version) !== '') && {
          title: 'Position',
          cell: (version) => positionsText(version) || NONE,
          td: { maw: 200, style: { overflowWrap: 'anywhere' } },
        },
        {
          title: 'Served by',
          cell: (version) => (
            <Group gap={6}>
              {serving
                .filter((inference) => inference.version === version.number)
                .map((inference) => (
                  <span key={inference.id}>
                    <InferenceLink id={inference.id}>{inference.id}</InferenceLink>
                    {inference.follows && <SmallPrint span> follows</SmallPrint>}
                  </span>
                ))}
            </Group>
          ),
        },
        {
          title: <VisuallyHidden>Actions</VisuallyHidden>,
          right: true,
          cell: (version) =>
            can('editor') ? (
              <VersionActions result={result} version={version} serving={serving} onFiles={() => onFiles(version)} />
            ) : (
              <Button size="compact-xs" variant="default" onClick={() => onFiles(version)}>
                Files
              </Button>
            ),
        },
      ]}
    />
  )
}

function CurrentBadge() {
  return (
    <Badge variant="outline" size="sm" radius="sm" tt="none" miw="max-content" style={{ color: 'var(--kml-good)' }}>
      current
    </Badge>
  )
}

function SideBySide({ older, newer }: { older: Version; newer: Version }) {
  const rows = differencesOf(older, newer)
  return (
    <Section title={`Version ${older.number} and version ${newer.number}`}>
      <RowTable
        label={`Version ${older.number} and version ${newer.number}`}
        minWidth={520}
        rows={rows}
        rowKey={(row) => row.name}
        columns={[
          { title: 'What', rowHead: true, cell: (row) => <span style={{ whiteSpace: 'nowrap' }}>{row.name}</span> },
          ...([older, newer] as const).map((version, place) => ({
            title: `Version ${version.number}`,
            cell: (row: (typeof rows)[number]) => (
              <Text size="sm" {...(row.differs ? { fw: 600 } : { c: 'dimmed' })} style={{ overflowWrap: 'anywhere' }}>
                {row.values[place]}
              </Text>
            ),
          })),
        ]}
      />
      <SmallPrint mt={4}>Differences are bold.</SmallPrint>
    </Section>
  )
}
