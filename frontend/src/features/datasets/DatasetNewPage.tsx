/** Makes a data set of a topic, or a new version of an existing data set. */
import { Skeleton, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { PageTitle } from '~/components/PageTitle'
import { ProblemAlert } from '~/components/ProblemAlert'
import {
  type Dataset,
  type DatasetVersion,
  datasetsCreate,
  datasetsRetrieveOptions,
  datasetsVersionsCreate,
} from '~/lib/api'
import { readDraft } from '~/lib/drafts'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { Builder } from './builder/Builder'
import { NoContract } from './builder/NoContract'
import { useProposal } from './builder/useProposal'
import { type BuilderValues, ofProposal, ofVersion, topicOf, versionOf } from './builder/values'
import { TopicChoice } from './TopicChoice'

export function DatasetNewPage() {
  const search = useSearch({ from: '/datasets/new' })
  const { can } = useSession()
  const query = useQuery({
    ...datasetsRetrieveOptions({ path: { id: String(search.from) } }),
    enabled: search.from !== undefined,
  })
  const from = search.from !== undefined && query.data?.id === search.from ? query.data : undefined
  const version = from?.versions.find((candidate) => candidate.number === search.version) ?? from?.versions[0]
  const topic = version ? topicOf(version) : search.topic
  const title = from ? `New version of ${from.name}` : search.topic ? `Data set of ${search.topic}` : 'New data set'
  if (!can('editor')) {
    return <PageTitle title={title} description="Your role can view data sets but not create them." />
  }
  return (
    <Stack>
      <PageTitle
        title={title}
        description={
          version
            ? `Starts from version ${version.number}. Your changes are saved as a new version.`
            : 'Which records of a topic to use, and how they become samples. No record is copied.'
        }
      />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      {search.from !== undefined && !from ? (
        !query.error && <Skeleton height={320} role="status" aria-label="Loading" />
      ) : topic ? (
        <Begun key={`${topic}:${from?.id}:${version?.number}`} topic={topic} from={from} version={version} />
      ) : (
        <TopicChoice />
      )}
    </Stack>
  )
}

/** The builder, shown once the records have been read. */
function Begun({
  topic,
  from,
  version,
}: {
  topic: string
  from: Dataset | undefined
  version: DatasetVersion | undefined
}) {
  const navigate = useNavigate()
  const draftName = from && version ? `dataset-${from.id}-${version.number}` : `dataset-new-${topic}`
  const [asked, setAsked] = useState<BuilderValues['asked']>(() => readDraft<BuilderValues>(draftName)?.asked ?? {})
  // Whether the form starts from the records, although there is a version to start from.
  const [ignoresVersion, setIgnoresVersion] = useState(false)
  const query = useProposal(topic, asked)
  const proposal = query.isPlaceholderData ? undefined : query.data
  const ask = (next: BuilderValues['asked']) => {
    setAsked(next)
    setIgnoresVersion(true)
  }
  if (query.isPending || query.isPlaceholderData) {
    return (
      <Stack gap="xs">
        <Text size="sm">Reading records of {topic}…</Text>
        <Skeleton height={320} role="status" aria-label="Loading" />
      </Stack>
    )
  }
  const begun = version && !ignoresVersion ? ofVersion(version, proposal) : proposal && ofProposal(proposal, asked)
  if (!begun || begun.fields.length === 0) {
    return (
      <NoContract
        topic={topic}
        asked={asked}
        remarks={proposal?.remarks ?? []}
        error={query.error}
        onRetry={() => void query.refetch()}
        onAsked={ask}
      />
    )
  }
  const save = async (values: BuilderValues, train: boolean) => {
    const body = versionOf(topic, values)
    let [id, number] = [from?.id, 1]
    if (id === undefined) {
      const { name, description } = values
      const { data } = await datasetsCreate({ body: { ...body, name, description }, throwOnError: true })
      id = data.id
    } else {
      const { data } = await datasetsVersionsCreate({ path: { id: String(id) }, body, throwOnError: true })
      number = data.number
    }
    const made = id
    return () => {
      notifyDone(from ? `Version ${number} of ${from.name} added` : `Data set ${values.name} created`)
      if (train) {
        const search = { dataset: made, dataset_version: number }
        void navigate({ to: '/training/new', search, ignoreBlocker: true })
      } else {
        void navigate({ to: '/datasets/$id', params: { id: String(made) }, search: {}, ignoreBlocker: true })
      }
    }
  }
  return (
    <Builder
      // Another proposal makes another builder, which starts over.
      key={JSON.stringify(asked)}
      topic={topic}
      from={from}
      proposal={proposal}
      initial={from ? begun : { ...begun, name: topic }}
      draftName={draftName}
      onSave={save}
      onAsked={ask}
    />
  )
}
