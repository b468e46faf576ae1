/** Starts a training again, after saying what the earlier training gave and that it will be deleted. */

import { Radio, Select, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ModelLink } from '~/components/ButtonLink'
import { Caution } from '~/components/Caution'
import { CopyAs } from '~/components/CopyAs'
import { unitOf } from '~/components/charts/curves'
import { FormDialog } from '~/components/FormDialog'
import { ProblemAlert } from '~/components/ProblemAlert'
import { streamName } from '~/components/RunOrigin'
import { modelsRetrieveOptions, type Result, resultsRestartCreate, type Stream, streamsListOptions } from '~/lib/api'
import { formatExact, plural } from '~/lib/format'
import { restartEquivalents } from './equivalents'

export function RestartDialog({
  result,
  another,
  onClose,
}: {
  result: Result
  /** Whether to train on another stream, which the user chooses. */
  another: boolean
  onClose: () => void
}) {
  const [stream, setStream] = useState<number | null>(null)
  // A checkpoint can be used only with the same stream, because it holds a position in it.
  const checkpoint = another ? null : result.checkpoint
  const [resume, setResume] = useState(checkpoint !== null)
  const streams = useQuery({ ...streamsListOptions({ query: { limit: 200 } }), enabled: another })
  const model = useQuery(modelsRetrieveOptions({ path: { id: String(result.model) } }))
  const changed = model.data && (model.data.code !== result.code || model.data.imports !== result.imports)
  const losses = resume ? [] : lossesOf(result)
  return (
    <FormDialog
      title={another ? 'Train on another stream?' : `Train ${result.model_name} again?`}
      submit={resume ? 'Resume' : 'Train again'}
      cancel="Cancel"
      disabled={another && stream === null}
      onClose={onClose}
      onSave={async () => {
        const body = { stream: another ? stream : null, resume }
        await resultsRestartCreate({ path: { id: String(result.id) }, body, throwOnError: true })
        return resume ? `Result ${result.id} resumes training` : `Result ${result.id} trains again`
      }}
      aside={<CopyAs equivalents={restartEquivalents(result.id, another ? stream : null, resume)} />}
    >
      {another ? (
        <Select
          label="Stream"
          description="Its records are read from Kafka again; nothing is sent."
          placeholder={streams.isPending ? 'Loading…' : 'Choose a stream'}
          data={(streams.data?.results ?? []).map((listed) => ({
            value: String(listed.id),
            label: streamText(listed),
          }))}
          value={stream === null ? null : String(stream)}
          onChange={(value) => setStream(value === null ? null : Number(value))}
          searchable
          required
          data-autofocus
          nothingFoundMessage="No matching stream"
        />
      ) : checkpoint !== null ? (
        <Radio.Group
          label="Start from"
          value={resume ? 'resume' : 'beginning'}
          onChange={(value) => setResume(value === 'resume')}
        >
          <Stack gap={6} mt={6}>
            <Radio
              value="resume"
              label={`After ${unitOf(result.metrics)} ${formatExact(checkpoint.step)}`}
              description="Resume from its last checkpoint, with the same code and the same stream."
            />
            <Radio
              value="beginning"
              label="The beginning"
              description={`Untrained, from the beginning of ${streamName(result)}.`}
            />
          </Stack>
        </Radio.Group>
      ) : (
        <Text size="sm">
          It reads {streamName(result)} again, with the same split and seed. The same code should give the same model.
        </Text>
      )}
      {changed && !resume && (
        <Text size="sm">
          The model's code has changed since then: its <ModelLink id={result.model}>current code</ModelLink> will be
          trained.
        </Text>
      )}
      {losses.length > 0 && (
        <Caution title="What will be deleted" texts={losses}>
          <Text size="sm" mt="xs">
            To keep it, create a new deployment instead.
          </Text>
        </Caution>
      )}
      <ProblemAlert error={streams.error} />
    </FormDialog>
  )
}

function streamText(stream: Stream): string {
  const count = stream.total_msg === null ? '' : `, ${plural(stream.total_msg, 'record')}`
  return `${stream.id}: ${stream.description || stream.topic} (${stream.input_format}${count})`
}

/** What a restart deletes, one line each. */
function lossesOf(result: Result): string[] {
  const lost: string[] = []
  if (result.metrics) lost.push(`metrics of ${plural(result.metrics.epoch, unitOf(result.metrics))}`)
  if (result.attempt > 0) lost.push('its log')
  return lost
}
