/** Real samples of the stream that trained the model, to choose one. */
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
        {samples.map((each) => (
          <UnstyledButton
            key={each.key}
            className={classes.pick}
            aria-pressed={each.key === picked}
            aria-label={`Sample ${each.key.split(':').at(-1)}${each.label === null ? '' : `, label ${each.label}`}`}
            onClick={() => onPick(each)}
          >
            {imageLayout(each.sample.shape) ? (
              <SampleView sample={each.sample} size={44} label={`Sample ${each.key}`} />
            ) : (
              <Text size="xs" ff="monospace" maw={180} truncate>
                {each.sample.values
                  .slice(0, 6)
                  .map((value) => formatValue(value))
                  .join(', ')}
                {each.sample.values.length > 6 ? ', …' : ''}
              </Text>
            )}
            <Text size="xs">{each.label ?? ''}</Text>
          </UnstyledButton>
        ))}
      </div>
    </Stack>
  )
}
