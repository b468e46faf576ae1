/** The selected rows of a list. Rows that disappear are no longer selected. */
import { useMemo, useState } from 'react'

export function useSelected<Row extends { id: number }>(rows: readonly Row[] | undefined) {
  const [ids, setIds] = useState<readonly number[]>([])
  const selected = useMemo(() => (rows ?? []).filter((row) => ids.includes(row.id)), [rows, ids])
  return {
    selected,
    onSelect: (next: readonly Row[]) => setIds(next.map((row) => row.id)),
    clear: () => setIds([]),
  }
}
