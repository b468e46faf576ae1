/** The origin of a training run: links to its deployment and its stream, by name. */
import type { ResultRow } from '~/lib/api'
import { DatasetLink, DeploymentLink, StreamLink } from './ButtonLink'

type Origin = Pick<ResultRow, 'deployment' | 'configuration_name' | 'stream' | 'stream_topic' | 'stream_dataset'>

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

/** A link to the run's stream; nothing while the run waits for one. */
export function RunStream({ run }: { run: Origin }) {
  return run.stream === null ? null : <StreamLink id={run.stream}>{streamName(run)}</StreamLink>
}

export function streamName({ stream, stream_topic }: Pick<Origin, 'stream' | 'stream_topic'>): string {
  return `${stream_topic} · stream ${stream}`
}
