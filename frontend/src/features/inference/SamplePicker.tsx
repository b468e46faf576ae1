/** Real samples of the stream that trained the model, to choose one. */
import { Stack, Text, UnstyledButton } from '@mantine/core'
import { ObjectLink } from '~/components/ButtonLink'
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
      <Text size="xs" c="dimmed">
        The first samples of{' '}
        {stream === null ? (
          'the stream that trained it'
        ) : (
          <ObjectLink to="/streams/$id" id={stream} inherit underline="always">
            stream {stream}
          </ObjectLink>
        )}
        , with their labels. Choose one.
      </Text>
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
