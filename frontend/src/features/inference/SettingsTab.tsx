/** How an inference was set up, and the same as a command. */
import { Code, Group, Stack } from '@mantine/core'
import { CopyAs } from '~/components/CopyAs'
import { CopyButton } from '~/components/CopyButton'
import { Dimmed } from '~/components/Dimmed'
import { Facts } from '~/components/Facts'
import type { Inference } from '~/lib/api'
import { formatMoment } from '~/lib/format'
import { useSession } from '~/lib/session'
import { EMPTY_FORM, equivalentsOf, includable, scaleText, startText } from './deploy'
import { IncludeButton } from './IncludeButton'

export function SettingsTab({ inference }: { inference: Inference }) {
  const { can } = useSession()
  const includes = includable(inference.input_config)
  const config = JSON.stringify(inference.input_config, null, 2)
  const visualization = inference.visualization ? JSON.stringify(inference.visualization, null, 2) : ''
  const equivalents = equivalentsOf({
    ...EMPTY_FORM,
    result: String(inference.result),
    version: inference.follows ? null : inference.version,
    input_topic: inference.input_topic,
    output_topic: inference.output_topic,
    start: inference.start,
    replicas: inference.replicas,
    max_replicas: inference.max_replicas ?? '',
    as_stream: false,
    input_format: inference.input_format,
    input_config: config,
    include: inference.include,
    output_bootstrap_servers: inference.output_bootstrap_servers,
    upper_topic: inference.upper_topic,
    limit: inference.limit ?? '',
    upper_bootstrap_servers: inference.upper_bootstrap_servers,
    output_timestamps: inference.output_timestamps,
    gpu: inference.gpu,
    cluster: inference.cluster === null ? null : String(inference.cluster),
    visualization,
  })
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <Dimmed>
          Replicas, version, visualisation{inference.limit !== null && ', limit'}
          {includes && ', the included fields'} can be changed while it runs. For other settings, create another
          inference.
        </Dimmed>
        <CopyAs equivalents={equivalents} />
      </Group>
      <Facts
        facts={[
          ['Input format', inference.input_format],
          ['Format settings', <JsonBlock key="config" text={config} label="Settings of the input format" />],
          ['Replicas', scaleText(inference)],
          ['Cluster', inference.cluster_name || "the platform's own"],
          ['GPUs per replica', inference.gpu === 0 ? 'none' : String(inference.gpu)],
          ['Output brokers', inference.output_bootstrap_servers || "the platform's own"],
          inference.tier !== '' && ['Tier', inference.tier],
          inference.limit !== null && ['Sends up', `predictions below ${inference.limit}, to ${inference.upper_topic}`],
          inference.limit !== null && ['Upper brokers', inference.upper_bootstrap_servers || "the platform's own"],
          includes !== null && [
            'Predictions include',
            <Group key="include" gap="xs">
              {inference.include.join(', ') || 'their values alone'}
              {can('editor') && inference.upper_topic === '' && (
                <IncludeButton inference={inference} names={includes} />
              )}
            </Group>,
          ],
          inference.start !== 'beginning' && ['Started reading', startText(inference.start)],
          inference.changelog_topic !== '' && ['Window state', inference.changelog_topic],
          [
            'Timestamps of predictions',
            inference.output_timestamps === 'written' ? 'the time of writing' : 'the time of the record',
          ],
          [
            'Visualisation',
            visualization ? <JsonBlock key="visualization" text={visualization} label="Visualisation" /> : 'not set',
          ],
          ['Attempt', String(inference.attempt)],
          ['Launched', inference.launched_at ? formatMoment(inference.launched_at) : 'not yet'],
          inference.ended_at !== null && ['Ended', formatMoment(inference.ended_at)],
        ]}
      />
    </Stack>
  )
}

function JsonBlock({ text, label }: { text: string; label: string }) {
  return (
    <Group gap={4} align="flex-start" wrap="nowrap">
      <Code
        block
        tabIndex={0}
        role="region"
        aria-label={label}
        style={{ maxHeight: 220, overflow: 'auto', minWidth: 0 }}
      >
        {text}
      </Code>
      <CopyButton text={text} what={label.toLowerCase()} />
    </Group>
  )
}
