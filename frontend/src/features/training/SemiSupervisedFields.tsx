/** Fields for learning from unlabelled samples: how many rounds, and how sure the model must be. */
import { Checkbox, Group, Stack } from '@mantine/core'
import { FieldError } from '~/components/FieldError'
import { NumberField } from '~/components/NumberField'
import type { SemiSupervisedValues } from './semiSupervised'

export function SemiSupervisedFields({
  values,
  unfit,
  onChange,
  errorOf,
}: {
  values: SemiSupervisedValues
  /** Why unlabelled samples cannot be learnt here. */
  unfit?: string | undefined
  onChange: (change: Partial<SemiSupervisedValues>) => void
  /** The error of a setting, or of the settings as a whole. */
  errorOf: (field?: 'rounds' | 'confidence') => string | undefined
}) {
  return (
    <Stack gap="xs">
      <Checkbox
        label="Also learn from unlabelled samples (semi-supervised)"
        description={
          unfit ??
          'Unlabelled samples are learnt with the predicted class as label if the model is confident. Validation and test use labelled samples only'
        }
        // A choice made before can still be turned off.
        disabled={unfit !== undefined && !values.on}
        checked={values.on}
        onChange={(event) => onChange({ on: event.currentTarget.checked })}
      />
      <FieldError error={errorOf()} />
      {values.on && (
        <Group gap="xl" align="flex-start">
          <NumberField
            label="Rounds"
            description="How often samples are selected and learnt"
            w={260}
            min={1}
            max={100}
            value={values.rounds}
            onChange={(rounds) => onChange({ rounds })}
            error={errorOf('rounds')}
          />
          <NumberField
            label="Confidence"
            description="Minimum probability of the predicted class"
            w={280}
            min={0.01}
            max={1}
            step={0.05}
            value={values.confidence}
            onChange={(confidence) => onChange({ confidence })}
            error={errorOf('confidence')}
          />
        </Group>
      )}
    </Stack>
  )
}
