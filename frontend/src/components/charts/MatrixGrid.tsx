/** The cells of a confusion matrix as a table: read by screen readers, walked with the arrow keys, opened with Enter. */
import { useComputedColorScheme, VisuallyHidden } from '@mantine/core'
import { type KeyboardEvent, useRef, useState } from 'react'
import { formatPercent } from '~/lib/format'
import { cellColors, type Matrix, normalised } from './confusion'
import classes from './MatrixGrid.module.css'

export interface Cell {
  actual: number
  predicted: number
}

const STEPS: Record<string, readonly [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
}

export function MatrixGrid({
  matrix,
  labels,
  shares,
  onCell,
  selectedCell,
  label,
}: {
  matrix: Matrix
  labels: readonly string[]
  /** Whether cells show shares of the row in place of counts. */
  shares: boolean
  onCell?: ((cell: Cell) => void) | undefined
  selectedCell?: Cell | undefined
  label: string
}) {
  const scheme = useComputedColorScheme('light')
  const table = useRef<HTMLTableElement>(null)
  const [focus, setFocus] = useState<Cell>(selectedCell ?? { actual: 0, predicted: 0 })
  const fractions = normalised(matrix)
  const size = matrix.length

  const move = (event: KeyboardEvent, cell: Cell) => {
    if ((event.key === 'Enter' || event.key === ' ') && onCell) {
      event.preventDefault()
      onCell(cell)
      return
    }
    const step = STEPS[event.key]
    if (!step) return
    event.preventDefault()
    const next = {
      actual: Math.min(size - 1, Math.max(0, cell.actual + step[0])),
      predicted: Math.min(size - 1, Math.max(0, cell.predicted + step[1])),
    }
    setFocus(next)
    table.current
      ?.querySelector<HTMLElement>(`[data-cell="${next.actual}-${next.predicted}"]`)
      ?.focus({ preventScroll: false })
  }

  return (
    <div className={classes.scroll} data-many={size > 6}>
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: the ARIA grid pattern on a table keeps its headers */}
      <table ref={table} className={classes.matrix} role="grid" aria-label={label} data-clickable={Boolean(onCell)}>
        <thead>
          <tr>
            <th scope="col" className={classes.corner}>
              <span>actual ↓</span> <span>predicted →</span>
            </th>
            {labels.slice(0, size).map((name, column) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: classes have a fixed order, and labels may repeat
              <th key={column} scope="col" title={name}>
                <span className={classes.name}>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.map((row, actual) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: as above
            <tr key={actual}>
              <th scope="row" title={labels[actual]}>
                <span className={classes.name}>{labels[actual] ?? actual}</span>
              </th>
              {row.map((count, predicted) => {
                const cell = { actual, predicted }
                const fraction = fractions[actual]?.[predicted] ?? 0
                const { background, ink } = cellColors(fraction, actual === predicted ? 'right' : 'wrong', scheme)
                const selected = selectedCell?.actual === actual && selectedCell.predicted === predicted
                return (
                  <td
                    // biome-ignore lint/suspicious/noArrayIndexKey: classes have a fixed order
                    key={predicted}
                    // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: the grid pattern again
                    role="gridcell"
                    data-cell={`${actual}-${predicted}`}
                    tabIndex={focus.actual === actual && focus.predicted === predicted ? 0 : -1}
                    aria-selected={onCell ? selected : undefined}
                    title={`actual ${labels[actual] ?? actual}, predicted ${labels[predicted] ?? predicted}: ${count} (${formatPercent(fraction)} of the row)`}
                    style={{ background, color: ink }}
                    onKeyDown={(event) => move(event, cell)}
                    onClick={() => {
                      setFocus(cell)
                      onCell?.(cell)
                    }}
                  >
                    {count === 0 ? <Zero /> : shares ? shareText(fraction) : count}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** The faint dot in a cell without samples. */
function Zero() {
  return (
    <>
      <span aria-hidden>·</span>
      <VisuallyHidden>0</VisuallyHidden>
    </>
  )
}

/**
 * A share in the few digits that fit a cell: 0.987 -> '99', 0.993 -> '99.3', 0.007 -> '0.7', below a tenth of a percent
 * '<0.1'.
 */
function shareText(fraction: number): string {
  const percent = fraction * 100
  if (percent > 0 && percent < 0.1) return '<0.1'
  const nearEnd = (percent > 0 && percent < 1) || (percent > 99 && percent < 100)
  return nearEnd ? percent.toFixed(1) : String(Math.round(percent))
}
