/** Where a training run comes from: its deployment and its stream, by their names. */
import type { ResultRow } from '~/lib/api'
import { DeploymentLink, StreamLink } from './ButtonLink'

type Origin = Pick<ResultRow, 'deployment' | 'configuration_name' | 'stream' | 'stream_topic'>

export function RunDeployment({ run }: { run: Origin }) {
  return (
    <DeploymentLink id={run.deployment}>
      {run.configuration_name} · {run.deployment}
    </DeploymentLink>
  )
}

/** Nothing while it waits for one. */
export function RunStream({ run }: { run: Origin }) {
  return run.stream === null ? null : <StreamLink id={run.stream}>{streamName(run)}</StreamLink>
}

export function streamName({ stream, stream_topic }: Pick<Origin, 'stream' | 'stream_topic'>): string {
  return `${stream_topic} · stream ${stream}`
}
