/** Live classification: the current class in large type, its recent history, and the counts in the window. */
import { Box, Group, Stack, Table, Text, Title } from '@mantine/core'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import type { VisualizationRequest } from '~/lib/api'
import { durationText, formatAge, formatCount, formatPercent, NONE, plural } from '~/lib/format'
import { ClassHistory } from './ClassHistory'
import classes from './ClassView.module.css'
import type { Naming } from './labels'
import { useStore, type Watch } from './useWatch'

export function ClassView({
  watch,
  naming,
  config,
  span,
}: {
  watch: Watch
  naming: Naming
  config: VisualizationRequest | null
  /** The shown history in seconds. */
  span: number
}) {
  return (
    <Stack gap="lg">
      <div className={classes.top}>
        <Current watch={watch} naming={naming} config={config} />
        <Distribution watch={watch} naming={naming} config={config} />
      </div>
      <ClassHistory store={watch.store} naming={naming} span={span} />
    </Stack>
  )
}

function Current({ watch, naming, config }: { watch: Watch; naming: Naming; config: VisualizationRequest | null }) {
  const frame = useStore(watch.store, (store) => store.latest)
  const last = frame?.last
  const ofAverage = config?.average_updated === true && (frame?.window?.count ?? 0) > 0
  const current = frame?.current
  const old = last && frame.at - last.at > 10
  return (
    <section aria-label="Current class" className={classes.current}>
      <SmallPrint>
        {ofAverage
          ? `Highest average over ${durationText(frame?.window?.milliseconds)}`
          : `Last prediction${old ? `, ${formatAge(new Date(last.at * 1000), frame.at * 1000)}` : ''}`}
      </SmallPrint>
      <Group gap="md" wrap="nowrap" align="stretch" style={{ minWidth: 0 }}>
        <div
          className={classes.swatch}
          style={{ background: current ? naming.colorOf(current.id) : 'var(--mantine-color-default-border)' }}
          aria-hidden
        />
        <Box style={{ minWidth: 0 }}>
          <div className={classes.name} data-old={old || undefined} data-testid="current-class">
            {current ? naming.nameOf(current.id) : NONE}
          </div>
          <Text className={classes.score} c="dimmed">
            {current ? score(current.score) : 'no predictions yet'}
          </Text>
        </Box>
      </Group>
    </section>
  )
}

function Distribution({
  watch,
  naming,
  config,
}: {
  watch: Watch
  naming: Naming
  config: VisualizationRequest | null
}) {
  const frame = useStore(watch.store, (store) => store.latest)
  const window = frame?.window
  const known = new Map(window?.classes.map((shown) => [shown.id, shown]))
  // Each label keeps its place, so that bars do not jump. Classes without a label follow.
  const ids = [...new Set([...(config?.labels.slice(0, 50).map((label) => label.id) ?? []), ...known.keys()])].sort(
    (a, b) => a - b,
  )
  const seconds = durationText(window?.milliseconds ?? config?.average_window)
  return (
    <section aria-label="Distribution" style={{ minWidth: 0 }}>
      <Group justify="space-between" gap="xs" mb={4}>
        <Title order={2}>Last {seconds}</Title>
        <SmallPrint>{plural(window?.count ?? 0, 'prediction')}</SmallPrint>
      </Group>
      {ids.length === 0 ? (
        <Dimmed>Nothing in the last {seconds}.</Dimmed>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section className={classes.scroll} tabIndex={0} aria-label="Classes">
          <Table fz="sm" verticalSpacing={3} horizontalSpacing={8} layout="fixed">
            <Table.Thead>
              <Table.Tr>
                <Table.Th w="34%">Class</Table.Th>
                <Table.Th>Share</Table.Th>
                <Table.Th w={64} ta="right">
                  Count
                </Table.Th>
                <Table.Th w={84} ta="right">
                  Average
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {ids.map((id) => {
                const shown = known.get(id)
                const share = shown && window?.count ? shown.count / window.count : 0
                return (
                  <Table.Tr key={id}>
                    <Table.Th scope="row" fw={500} className={classes.label}>
                      <span className={classes.dot} style={{ background: naming.colorOf(id) }} aria-hidden />
                      {naming.nameOf(id)}
                    </Table.Th>
                    <Table.Td>
                      <div className={classes.track}>
                        <div
                          className={classes.bar}
                          style={{ transform: `scaleX(${share})`, background: naming.colorOf(id) }}
                        />
                      </div>
                    </Table.Td>
                    <Table.Td ta="right">{formatCount(shown?.count ?? 0)}</Table.Td>
                    <Table.Td ta="right">{shown ? score(shown.mean) : NONE}</Table.Td>
                  </Table.Tr>
                )
              })}
            </Table.Tbody>
          </Table>
          {(window?.others ?? 0) > 0 && (
            <Text size="xs" c="dimmed" mt={4}>
              {formatCount(window?.others)} predictions of other classes are not listed.
            </Text>
          )}
        </section>
      )}
    </section>
  )
}

/** A score as text: probabilities in percent, other scores (logits) unchanged. */
function score(value: number): string {
  return value >= 0 && value <= 1 ? formatPercent(value) : value.toFixed(2)
}
