/** Stops a deployment or one training run. It asks for confirmation once data have come to it. */
import { deploymentsStopCreate, type ResultRow, resultsStopCreate } from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { hasEnded } from '~/lib/runs'
import { StopButton } from './StopButton'

const KINDS = {
  deployment: { title: 'Deployment', stop: deploymentsStopCreate },
  result: { title: 'Result', stop: resultsStopCreate },
} as const

export function StopTraining({
  kind,
  id,
  runs,
}: {
  kind: keyof typeof KINDS
  id: number
  runs: readonly Pick<ResultRow, 'state' | 'stream' | 'desired' | 'metrics' | 'leader' | 'tier'>[]
}) {
  const { title, stop } = KINDS[kind]
  const going = runs.filter((run) => !hasEnded(run))
  // A run that waits for its data has learnt nothing that could be lost.
  const begun = going.filter((run) => run.state === 'running' || run.stream !== null)
  if (going.length === 0) return null
  return (
    <StopButton
      what={kind}
      name={String(id)}
      begun={begun.length > 0}
      ending={going.every((run) => run.desired === 'stopped')}
      happens={lossesOf(kind, begun)}
      stop={async () => {
        await stop({ path: { id: String(id) }, throwOnError: true })
        notifyDone(`${title} ${id} is stopping`)
      }}
    />
  )
}

type Begun = Pick<ResultRow, 'metrics' | 'tier'>

function lossesOf(kind: keyof typeof KINDS, begun: readonly Begun[]): string[] {
  // Only a training that learns a stream online has windows.
  const online = begun.some(({ metrics }) => metrics?.window)
  return [
    ...(kind === 'deployment' && begun.length > 1 ? [`Its ${begun.length} training runs stop, not only one.`] : []),
    ...(kind === 'result' && begun.some(({ tier }) => tier !== null)
      ? ['The other sub-models of its distributed model stop too, because they are trained together.']
      : []),
    online
      ? 'It learns no further records. What it has learnt so far is kept as its last version.'
      : 'Training ends before its last epoch, without a model to serve. It can resume from its last checkpoint, or be ' +
        'trained again from the beginning.',
  ]
}
