/** How unlabelled samples were used, round by round: of how many the model was sure, and of which classes. */
import { Box, Text } from '@mantine/core'
import { SmallPrint } from '~/components/Dimmed'
import { RowTable } from '~/components/RowTable'
import type { EpochMetrics, Outcome, PseudoLabels } from '~/lib/api'
import { formatExact, formatPercent, NONE } from '~/lib/format'

/** The rounds from the outcome or, while training runs, from the epochs. */
export function PseudoLabelRounds({ outcome, epochs }: { outcome: Outcome | null; epochs: readonly EpochMetrics[] }) {
  const running = epochs.flatMap((epoch) => (epoch.pseudo_labels ? [epoch.pseudo_labels] : [])).slice(-10)
  const ended = outcome?.pseudo_labels ?? []
  const rounds = ended.length > 0 ? ended : running
  if (rounds.length === 0) return null
  const names = outcome?.labels ?? []
  return (
    <Box>
      <Text fw={600} size="sm">
        Samples without labels
      </Text>
      <SmallPrint mb="xs">
        In each round, samples for which the model is confident are learnt with the predicted class as label.
      </SmallPrint>
      <RowTable<PseudoLabels>
        label="Rounds of pseudo-labels"
        minWidth={560}
        rows={[...rounds]}
        rowKey={(row) => rounds.indexOf(row)}
        columns={[
          { title: 'Round', cell: (row) => row.round },
          { title: 'Unlabelled', right: true, cell: (row) => formatExact(row.unlabelled) },
          { title: 'Learnt', right: true, cell: (row) => formatExact(row.chosen) },
          { title: 'New in this round', right: true, cell: (row) => formatExact(row.added) },
          {
            title: 'Same class as before',
            right: true,
            cell: (row) => (row.agreement === null ? NONE : formatPercent(row.agreement)),
          },
          {
            title: 'Per class',
            cell: (row) =>
              row.classes.map((count, place) => `${names[place] ?? place}: ${formatExact(count)}`).join(', ') || NONE,
          },
        ]}
      />
    </Box>
  )
}
