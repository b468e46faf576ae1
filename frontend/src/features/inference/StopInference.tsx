/** Stops an inference. A serving one asks for confirmation, because its records wait from then on. */
import { StopButton } from '~/components/StopButton'
import { type Inference, inferencesStopCreate } from '~/lib/api'

export function StopInference({
  inference,
  onStopped,
}: {
  inference: Pick<Inference, 'id' | 'state' | 'desired' | 'input_topic'>
  onStopped: () => unknown
}) {
  return (
    <StopButton
      what="inference"
      name={String(inference.id)}
      begun={inference.state === 'running'}
      ending={inference.desired === 'stopped'}
      happens={[
        `New records of ${inference.input_topic} are no longer answered. They wait until it is started again, for as ` +
          'long as the topic keeps them.',
      ]}
      stop={async () => {
        await inferencesStopCreate({ path: { id: String(inference.id) }, throwOnError: true })
        await onStopped()
      }}
    />
  )
}
