/** The chain of a sub-model, as it will be once this form is saved. */
import { Stack, Text } from '@mantine/core'
import { ChainPicture } from '~/components/ChainPicture'
import { Dimmed } from '~/components/Dimmed'
import type { Report } from '~/lib/api'
import { chainWith, NEW, partOf, type SubModel } from './chain'
import { useSubModels } from './useSubModels'

export function ModelChain({
  own,
  name,
  upper,
  report,
}: {
  own: number | undefined
  name: string
  upper: string | null
  /** The report on the code in the form; null while the code is not valid. */
  report: Report | null
}) {
  const here = {
    id: own ?? NEW,
    name: name || 'this sub-model',
    upper_model: upper === null ? null : Number(upper),
    report: report ?? {},
  }
  const chain = chainWith<SubModel>(here, useSubModels())
  return (
    <Stack gap="xs">
      <div>
        <Text size="sm" fw={500}>
          The chain
        </Text>
        <Dimmed>
          {chain.length === 1
            ? 'This is the top. Save it, then create the sub-models below it, each with the one above as its upper model.'
            : 'A tier hands up the samples about which it is not confident. All exits predict the same classes.'}
        </Dimmed>
      </div>
      <ChainPicture parts={chain.map(partOf)} current={chain.indexOf(here)} />
    </Stack>
  )
}
