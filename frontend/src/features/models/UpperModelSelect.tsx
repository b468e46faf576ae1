/** Chooses the sub-model above this one. Models that cannot be above it are listed with the reason. */
import { Select } from '@mantine/core'
import type { ReactNode } from 'react'
import type { ModelRow } from '~/lib/api'
import { chainsOf } from '~/lib/chains'
import { useSubModels } from './useSubModels'

export function UpperModelSelect({
  own,
  framework,
  value,
  onChange,
  error,
}: {
  /** The id of the model itself, if it is saved. */
  own: number | undefined
  framework: string
  value: string | null
  onChange: (value: string | null) => void
  error: ReactNode
}) {
  const subModels = useSubModels()
  const data = subModels
    // The chosen model is always listed, because the API says why it is not possible.
    .filter((model) => model.id !== own && (model.framework === framework || String(model.id) === value))
    .map((model) => {
      const reason = reasonAgainst(model, own, subModels)
      return {
        value: String(model.id),
        label: `${model.name} (model ${model.id}${reason && `, ${reason}`})`,
        disabled: reason !== '',
      }
    })
  return (
    <Select
      label="Upper model"
      description="The next sub-model towards the cloud, which receives what this one sends up"
      placeholder="None: this is the top"
      data={data}
      value={value}
      onChange={onChange}
      searchable
      clearable
      clearButtonProps={{ 'aria-label': 'Clear the upper model' }}
      nothingFoundMessage="No other sub-models: save the top first, then those below it"
      maw={420}
      error={error}
    />
  )
}

/** Why a sub-model cannot be above this one; empty when it can. */
function reasonAgainst(upper: ModelRow, own: number | undefined, subModels: readonly ModelRow[]): string {
  const chain = chainsOf(subModels).find((model) => model.includes(upper)) ?? []
  const place = chain.findIndex(({ id }) => id === own)
  if (place > chain.indexOf(upper)) return 'below this one'
  const lower = subModels.find((model) => model.upper_model === upper.id && model.id !== own)
  return lower ? `above ${lower.name} already` : ''
}
