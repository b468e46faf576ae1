/** Summarises the chosen models in one sentence, and warns when no stream fits all of them. */
import { Alert, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { Dimmed } from '~/components/Dimmed'
import { shapesText } from '~/components/TensorShapes'
import { plural } from '~/lib/format'
import { inputConflict, type Unit } from '~/lib/units'

export function ChosenSummary({ units }: { units: readonly Unit[] }) {
  if (units.length === 0) {
    return (
      <Dimmed>Choose the models to train on the same data, so that you can compare them or serve them together.</Dimmed>
    )
  }
  const conflict = inputConflict(units)
  const inputs = [...new Set(units.map(([first]) => shapesText(first.inputs)))].filter((shape) => shape !== '?')
  return (
    <>
      <Text size="sm">
        {plural(units.length, 'model')} will train on the same data
        {inputs.length === 1 ? ` of samples with shape ${inputs[0]}` : ''}.
        {units.some((unit) => unit.length > 1) &&
          ' The sub-models of a distributed model train together as one network.'}
      </Text>
      {conflict && <InputWarning conflict={conflict} />}
    </>
  )
}

export function InputWarning({ conflict }: { conflict: string }) {
  return (
    <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} title="These models expect different samples">
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {conflict}. Group only models that expect the same samples, or change one of them.
      </Text>
    </Alert>
  )
}
