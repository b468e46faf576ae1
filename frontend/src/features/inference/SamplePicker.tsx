/** Chooses a real sample from the stream that trained the model. */
import { Stack, Text, UnstyledButton } from '@mantine/core'
import { StreamLink } from '~/components/ButtonLink'
import { SmallPrint } from '~/components/Dimmed'
import { imageLayout, SampleView } from '~/components/SampleView'
import { formatValue } from '~/lib/format'
import classes from './Try.module.css'
import type { RealSample } from './useSampleSource'

export function SamplePicker({
  samples,
  stream,
  picked,
  onPick,
}: {
  samples: readonly RealSample[]
  stream: number | null
  picked: string | null
  onPick: (sample: RealSample) => void
}) {
  return (
    <Stack gap={6}>
      <SmallPrint>
        The first samples of{' '}
        {stream === null ? (
          'the stream that trained it'
        ) : (
          <StreamLink id={stream} inherit underline="always">
            stream {stream}
          </StreamLink>
        )}
        , with their labels. Choose one.
      </SmallPrint>
      <div className={classes.picks}>
        {samples.map((sample) => (
          <UnstyledButton
            key={sample.key}
            className={classes.pick}
            aria-pressed={sample.key === picked}
            aria-label={`Sample ${sample.key.split(':').at(-1)}${sample.label === null ? '' : `, label ${sample.label}`}`}
            onClick={() => onPick(sample)}
          >
            {imageLayout(sample.sample.shape) ? (
              <SampleView sample={sample.sample} size={44} label={`Sample ${sample.key}`} />
            ) : (
              <Text size="xs" ff="monospace" maw={180} truncate>
                {sample.sample.values
                  .slice(0, 6)
                  .map((value) => formatValue(value))
                  .join(', ')}
                {sample.sample.values.length > 6 ? ', …' : ''}
              </Text>
            )}
            <Text size="xs">{sample.label ?? ''}</Text>
          </UnstyledButton>
        ))}
      </div>
    </Stack>
  )
}
