/** The origin of a training run: links to its deployment and its stream, by name. */
import type { ResultRow } from '~/lib/api'
import { DatasetLink, DeploymentLink, StreamLink } from './ButtonLink'
import { SameRecords } from './SameRecords'

type Origin = Pick<
  ResultRow,
  'deployment' | 'configuration_name' | 'stream' | 'stream_topic' | 'stream_same_as' | 'stream_dataset'
>

export function RunDeployment({ run }: { run: Origin }) {
  return (
    <DeploymentLink id={run.deployment}>
      {run.configuration_name} · {run.deployment}
    </DeploymentLink>
  )
}

/** The data of a run by name: a version of a data set, or a stream that a sink sent. */
export function RunData({ run }: { run: Origin }) {
  const origin = run.stream_dataset
  if (!origin) return <RunStream run={run} />
  return (
    <DatasetLink id={origin.id} search={{ version: origin.version }}>
      {origin.name} · version {origin.version}
    </DatasetLink>
  )
}

/** Links to the run's stream and to the one whose records it repeats; nothing while the run waits for a stream. */
export function RunStream({ run }: { run: Origin }) {
  if (run.stream === null) return null
  return (
    <span>
      <StreamLink id={run.stream}>{streamName(run)}</StreamLink>
      {run.stream_same_as !== null && ', '}
      <SameRecords stream={{ same_as: run.stream_same_as }} />
    </span>
  )
}

export function streamName({ stream, stream_topic }: Pick<Origin, 'stream' | 'stream_topic'>): string {
  return `${stream_topic} · stream ${stream}`
}
