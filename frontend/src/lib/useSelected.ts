/** Which rows of a list are ticked; rows that are gone are not any more. */
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
