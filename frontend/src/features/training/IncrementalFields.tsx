/** Fields for learning a stream without end: when a window ends, when training ends, what makes a new version. */

import { Autocomplete, Group, Input, Radio, SegmentedControl, Stack } from '@mantine/core'
import type { ReactNode } from 'react'
import { greaterIsBetter } from '~/components/charts/curves'
import { SmallPrint } from '~/components/Dimmed'
import { FieldError } from '~/components/FieldError'
import { NumberField } from '~/components/NumberField'
import type { IncrementalValues } from './incremental'

export function IncrementalFields({
  values,
  onChange,
  metrics,
  errorOf,
}: {
  values: IncrementalValues
  onChange: (change: Partial<IncrementalValues>) => void
  /** The metrics that the chosen models have. */
  metrics: readonly string[]
  errorOf: (field: keyof IncrementalValues) => string | undefined
}) {
  const number = (field: keyof IncrementalValues, label: string, description: ReactNode, more: object = {}) => (
    <NumberField
      label={label}
      description={description}
      w={220}
      value={values[field] as number | string}
      onChange={(value) => onChange({ [field]: value })}
      error={errorOf(field)}
      {...more}
    />
  )
  return (
    <Stack gap="lg">
      <Radio.Group
        label="Training ends"
        value={values.indefinite ? 'stopped' : 'idle'}
        onChange={(value) => onChange({ indefinite: value === 'stopped' })}
      >
        <Stack gap={6} mt={6}>
          <Radio
            value="idle"
            label="When no records have arrived for a while"
            description="For data that end at some point. The last version is created then."
          />
          <Radio
            value="stopped"
            label="When somebody stops it"
            description="For data that never end. Stopping it keeps everything learnt and creates the last version."
          />
        </Stack>
      </Radio.Group>
      <Group gap="xl" align="flex-start">
        {!values.indefinite &&
          number('stream_timeout', 'Idle time', 'Training ends after this time without records', {
            suffix: ' s',
            min: 0.001,
          })}
        {number('window_records', 'Window size', 'Maximum number of records', {
          min: 1,
          max: 1_000_000,
          thousandSeparator: ',',
        })}
        {number('message_poll_timeout', 'Window time', 'After this time, an incomplete window is learnt too', {
          suffix: ' s',
          min: 0.001,
        })}
        {number('validation_rate', 'Validation share', 'Of each window', {
          min: 0,
          max: 0.99,
          step: 0.05,
          placeholder: 'as announced',
        })}
      </Group>
      <Stack gap="xs">
        <Group gap="xl" align="flex-start">
          <Autocomplete
            label="Metric for new versions"
            description="Measured on validation samples"
            placeholder="none: only one version, at the end"
            w={260}
            data={[...metrics]}
            value={values.monitoring_metric}
            // The name of a metric sets the direction that is better, if it is known. Otherwise the user chooses.
            onChange={(metric) => onChange({ monitoring_metric: metric, change: directionOf(metric) })}
            error={errorOf('monitoring_metric')}
            autoComplete="off"
          />
          {values.monitoring_metric !== '' && (
            <>
              <div>
                <Input.Label component="div" id="better-when">
                  Better when
                </Input.Label>
                <SmallPrint mb={5}>
                  {greaterIsBetter(values.monitoring_metric) === null ? 'Choose one' : 'Known from its name'}
                </SmallPrint>
                <SegmentedControl
                  aria-labelledby="better-when"
                  data={[
                    { value: 'up', label: 'it rises' },
                    { value: 'down', label: 'it falls' },
                  ]}
                  // Neither direction is marked until one is chosen.
                  value={values.change}
                  onChange={(change) => onChange({ change: change as IncrementalValues['change'] })}
                />
                <FieldError error={errorOf('change')} />
              </div>
              {number('improvement', 'Minimum improvement', 'In the unit of the metric', {
                min: 0,
                step: 0.01,
                w: 180,
              })}
            </>
          )}
        </Group>
        <SmallPrint>
          A model that has improved by this much becomes a new version while training continues. It and the previous
          version are measured on the same samples, from which neither has learnt, so that a lucky window does not
          decide.
        </SmallPrint>
      </Stack>
    </Stack>
  )
}

/** The direction in which a metric improves; '' when its name does not say. */
function directionOf(metric: string): IncrementalValues['change'] {
  const greater = greaterIsBetter(metric)
  return greater === null ? '' : greater ? 'up' : 'down'
}
