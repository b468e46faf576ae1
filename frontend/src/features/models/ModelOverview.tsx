/** An overview of a model: its description, its report and its place in a chain. */
import { Divider, Grid, Stack, Text } from '@mantine/core'
import { ChainPicture } from '~/components/ChainPicture'
import type { Model, ModelRow } from '~/lib/api'
import { chainWith, partOf } from './chain'
import { ReportView } from './ReportView'

export function ModelOverview({ model, subModels }: { model: Model; subModels: readonly ModelRow[] }) {
  const chain = chainWith<ModelRow>(model, subModels)
  return (
    <Grid gap="xl">
      <Grid.Col span={{ base: 12, md: model.distributed ? 7 : 10 }}>
        <Stack gap="md">
          {model.description && (
            <>
              <Text size="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                {model.description}
              </Text>
              <Divider />
            </>
          )}
          <ReportView report={model.report} />
        </Stack>
      </Grid.Col>
      {model.distributed && (
        <Grid.Col span={{ base: 12, md: 5 }}>
          <ChainPicture parts={chain.map(partOf)} current={chain.indexOf(model)} />
        </Grid.Col>
      )}
    </Grid>
  )
}
