/** Compares a second version with the one that answers: start, watch, promote or drop it. */
import { Alert, Button, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useNow } from '~/components/Age'
import { InferenceLink, ResultLink } from '~/components/ButtonLink'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { InferenceBadge } from '~/components/InferenceBadge'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import {
  type ChallengeEnd,
  type Inference,
  type InferenceChallenger,
  inferencesDropCreateMutation,
  inferencesListOptions,
  inferencesPromoteCreateMutation,
} from '~/lib/api'
import { formatCount, formatPercent, NONE } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { ChallengeDialog } from './ChallengeDialog'
import { agreementOf, endText, foundText, type Kind } from './challenge'
import { LiveComparison } from './LiveComparison'
import { useOtherVersions } from './useOtherVersions'

export function CompareTab({ inference }: { inference: Inference }) {
  const queryClient = useQueryClient()
  const [dialog, setDialog] = useState<Kind | null>(null)
  const refresh = () => queryClient.invalidateQueries({ queryKey: [{ tags: ['inferences'] }] })
  const { challenger, comparison, last_challenge: last, shadow_of: shadowed } = inference
  return (
    <Stack gap="xl">
      {challenger !== null && comparison !== null ? (
        <>
          <Challenge
            inference={inference}
            challenger={challenger}
            onChange={() => setDialog('canary')}
            onDone={refresh}
          />
          <LiveComparison inference={inference} challenger={challenger} found={comparison} />
        </>
      ) : (
        <>
          {last !== null && <Ended last={last} />}
          <Choice inference={inference} onStart={setDialog} />
        </>
      )}
      {shadowed === null && <Shadows inference={inference} />}
      {dialog !== null && (
        <ChallengeDialog inference={inference} kind={dialog} onClose={() => setDialog(null)} onDone={refresh} />
      )}
    </Stack>
  )
}

/** Offers a canary or a shadow while nothing is compared. */
function Choice({ inference, onStart }: { inference: Inference; onStart: (kind: Kind) => void }) {
  const { can } = useSession()
  const { query, choices } = useOtherVersions(inference)
  const none = query.data !== undefined && choices.length === 0
  const running = inference.desired === 'run'
  const start = (kind: Kind) =>
    can('editor') && (
      <Button size="xs" variant="default" disabled={none || !running} onClick={() => onStart(kind)}>
        Start a {kind}…
      </Button>
    )
  return (
    <Stack gap="md" component="section">
      <Stack gap={4}>
        <Title order={2}>Compare with another version</Title>
        <Text size="sm" maw={720}>
          A version can look better in training and still do worse on live data. Here it gets the same records as
          version {inference.version}, and both are measured side by side before you switch.
        </Text>
      </Stack>
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing={32} maw={860}>
        <Stack gap={6} align="flex-start">
          <Title order={3}>Canary: it answers a share of the records</Title>
          <Text size="sm">
            It answers the records of some keys, 10% for example, and readers of {inference.output_topic} get its
            predictions for them. Records that it cannot answer go to version {inference.version}.
          </Text>
          {start('canary')}
        </Stack>
        <Stack gap={6} align="flex-start">
          <Title order={3}>Shadow: nothing changes for readers</Title>
          <Text size="sm">
            A second inference answers every record into another topic. All predictions in {inference.output_topic} stay
            those of version {inference.version}; the machine works for both.
          </Text>
          {start('shadow')}
        </Stack>
      </SimpleGrid>
      {none && (
        <Dimmed>
          There is no other version to compare with:{' '}
          <ResultLink id={inference.result}>result {inference.result}</ResultLink> has only this one. Train it again to
          get another.
        </Dimmed>
      )}
      {!running && <Dimmed>It is stopped and receives no records: start it first.</Dimmed>}
    </Stack>
  )
}

/** The running comparison: who answers what, and the buttons that promote or drop the challenger. */
function Challenge({
  inference,
  challenger,
  onChange,
  onDone,
}: {
  inference: Inference
  challenger: InferenceChallenger
  onChange: () => void
  onDone: () => Promise<void>
}) {
  const { can } = useSession()
  const path = { id: String(inference.id) }
  const { version: tried, kind } = challenger
  const shadow = inference.shadow_of
  const promote = useMutation({
    ...inferencesPromoteCreateMutation(),
    onSuccess: async () => {
      notifyDone(`Inference ${shadow ?? inference.id} switches to version ${tried}`)
      await onDone()
    },
  })
  const drop = useMutation({
    ...inferencesDropCreateMutation(),
    onSuccess: async () => {
      notifyDone(shadow === null ? `Version ${tried} dropped` : `Shadow ${inference.id} stopped`)
      await onDone()
    },
  })
  const busy = promote.isPending || drop.isPending
  return (
    <Stack gap="xs" component="section">
      <Title order={2}>
        Version {tried} next to version {inference.version}
      </Title>
      <Text size="sm" maw={720}>
        {shadow === null ? (
          <>
            A canary:{' '}
            <b>
              version {tried} answers {formatPercent(challenger.share)} of the keys
            </b>
            , version {inference.version} all others.
          </>
        ) : (
          <>
            A shadow of <InferenceLink id={shadow}>inference {shadow}</InferenceLink>:{' '}
            <b>
              version {tried} answers every record into {inference.output_topic}
            </b>
            , which nobody needs to read; version {inference.version} runs here only for comparison.
          </>
        )}
      </Text>
      {inference.last_challenge !== null && <Ended last={inference.last_challenge} />}
      <ProblemAlert error={promote.error} title="It was not promoted" />
      <ProblemAlert error={drop.error} title="It was not dropped" />
      {can('editor') && inference.last_challenge === null && (
        <>
          <Group gap="xs">
            <Button size="xs" loading={promote.isPending} disabled={busy} onClick={() => promote.mutate({ path })}>
              Promote version {tried}
            </Button>
            <Button
              size="xs"
              variant="default"
              loading={drop.isPending}
              disabled={busy}
              onClick={() => drop.mutate({ path })}
            >
              Drop version {tried}
            </Button>
            {kind === 'canary' && (
              <Button size="xs" variant="default" disabled={busy} onClick={onChange}>
                Change share or rule…
              </Button>
            )}
          </Group>
          <SmallPrint maw={720}>
            {shadow === null
              ? `If promoted, it answers everything and version ${inference.version} can be rolled back to; `
              : `If promoted, inference ${shadow} serves it and can be rolled back; this shadow ends. `}
            {shadow === null
              ? `if dropped, version ${inference.version} does. Either way, no record is lost or answered twice.`
              : 'If dropped, the shadow ends and nothing else changes.'}
            {shadow === null &&
              inference.follows &&
              ' The inference then stays at the promoted version; until now it followed its result.'}
          </SmallPrint>
        </>
      )}
    </Stack>
  )
}

/** The result of the last comparison. */
function Ended({ last }: { last: ChallengeEnd }) {
  const now = useNow()
  const found = foundText(last.found)
  return (
    <Alert color={last.promoted ? 'teal' : 'gray'} py={8} role="status">
      <Text size="sm">{endText(last, Math.max(now, Date.now()))}</Text>
      {found !== '' && <SmallPrint>Measured so far: {found}.</SmallPrint>}
    </Alert>
  )
}

/** The shadows of an inference, including those that have ended. */
function Shadows({ inference }: { inference: Inference }) {
  const shadows = useQuery(inferencesListOptions({ query: { shadow_of: inference.id, ordering: '-id', limit: 20 } }))
  const now = useNow()
  const rows = shadows.data?.results ?? []
  if (shadows.isError) return <ProblemAlert error={shadows.error} onRetry={() => void shadows.refetch()} />
  if (rows.length === 0) return null
  return (
    <Stack gap="xs" component="section">
      <Title order={2}>Shadows</Title>
      <RowTable
        label="Shadows"
        minWidth={640}
        rows={rows}
        rowKey={(row) => row.id}
        columns={[
          {
            title: 'Inference',
            cell: (row) => (
              <InferenceLink id={row.id} search={{ tab: 'compare' }}>
                {row.id}
              </InferenceLink>
            ),
          },
          { title: 'Version', right: true, cell: (row) => row.challenger?.version ?? NONE },
          { title: 'State', cell: (row) => <InferenceBadge inference={row} /> },
          { title: 'Compared', right: true, cell: (row) => formatCount(row.comparison?.compared) },
          {
            title: 'Equal predictions',
            right: true,
            cell: (row) => formatPercent(row.comparison && agreementOf(row.comparison)),
          },
          {
            title: 'Outcome',
            cell: (row) =>
              row.last_challenge === null
                ? 'in progress'
                : endText(row.last_challenge, Math.max(now, Date.now())).replace(/^.* was /, ''),
            td: { maw: 320, style: { overflowWrap: 'anywhere' } },
          },
        ]}
      />
    </Stack>
  )
}
