/** The code of two runs side by side, with differing lines marked by colour and sign. */
import { Group, Select, Stack, Text } from '@mantine/core'
import { useMemo, useState } from 'react'
import { Dimmed } from '~/components/Dimmed'
import { Toggle } from '~/components/Toggle'
import type { Result } from '~/lib/api'
import { plural } from '~/lib/format'
import classes from './CodeDiff.module.css'
import { diffLines, type LinePair } from './compare'

/** Number of unchanged lines shown around a difference. */
const CONTEXT = 3

export function CodeDiff({
  results,
  pair,
  onPair,
}: {
  results: readonly Result[]
  /** Ids of the two runs. */
  pair: readonly [number, number]
  onPair: (pair: readonly [number, number]) => void
}) {
  const [whole, setWhole] = useState(false)
  const [left, right] = pair.map((id) => results.find((result) => result.id === id))
  const pairs = useMemo(() => diffLines(sourceOf(left), sourceOf(right)), [left, right])
  const differing = pairs.filter((linePair) => !linePair.same).length
  const data = results.map((result) => ({
    value: String(result.id),
    label: `${result.model_name} (result ${result.id})`,
  }))
  return (
    <Stack gap="xs">
      <Group gap="sm" align="flex-end">
        <Select
          size="xs"
          label="Left"
          data={data}
          value={String(pair[0])}
          onChange={(value) => value && onPair([Number(value), pair[1]])}
        />
        <Select
          size="xs"
          label="Right"
          data={data}
          value={String(pair[1])}
          onChange={(value) => value && onPair([pair[0], Number(value)])}
        />
        <Toggle label="Whole code" checked={whole} onChange={setWhole} pb={6} />
      </Group>
      {differing === 0 ? (
        <Text size="sm">Both have the same code.</Text>
      ) : (
        <Dimmed>
          {plural(differing, 'line')} {differing === 1 ? 'differs' : 'differ'}
        </Dimmed>
      )}
      {(differing > 0 || whole) && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section className={classes.scroll} tabIndex={0} aria-label="Code side by side">
          <table className={classes.code}>
            <tbody>
              {rowsOf(pairs, whole).map((row) =>
                row.pair === null ? (
                  <tr key={row.key} className={classes.gap}>
                    <td colSpan={4}>{plural(row.skipped, 'equal line')}</td>
                  </tr>
                ) : (
                  <tr key={row.key} data-same={row.pair.same}>
                    <Sign sign={row.pair.same || row.pair.left === null ? '' : '−'} />
                    <td data-side="left">{row.pair.left}</td>
                    <Sign sign={row.pair.same || row.pair.right === null ? '' : '+'} />
                    <td data-side="right">{row.pair.right}</td>
                  </tr>
                ),
              )}
            </tbody>
          </table>
        </section>
      )}
    </Stack>
  )
}

function Sign({ sign }: { sign: string }) {
  return <td className={classes.sign}>{sign}</td>
}

function sourceOf(result: Result | undefined): string {
  return result ? [result.imports, result.code].filter(Boolean).join('\n') : ''
}

interface Row {
  key: string
  pair: LinePair | null
  skipped: number
}

/** The differences with unchanged lines around them. Longer unchanged stretches are replaced by their length. */
function rowsOf(pairs: readonly LinePair[], whole: boolean): Row[] {
  const near = new Set<number>()
  for (const [index, pair] of pairs.entries()) {
    if (pair.same && !whole) continue
    for (let line = index - CONTEXT; line <= index + CONTEXT; line += 1) near.add(line)
  }
  const rows: Row[] = []
  for (const [index, pair] of pairs.entries()) {
    const last = rows.at(-1)
    if (near.has(index)) rows.push({ key: `line ${index}`, pair, skipped: 0 })
    else if (last && last.pair === null) last.skipped += 1
    else rows.push({ key: `gap ${index}`, pair: null, skipped: 1 })
  }
  return rows
}
