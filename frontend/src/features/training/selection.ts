/** Reads and writes ids in an address, such as '3,1,2'. */

export function parseIds(text: string | undefined): number[] {
  const ids = (text ?? '').split(',').map(Number)
  return [...new Set(ids.filter((id) => Number.isSafeInteger(id) && id > 0))]
}

export function joinIds(ids: readonly number[]): string | undefined {
  return ids.length > 0 ? ids.join(',') : undefined
}

/** The selected ids after the selection on one page changed; selections on other pages stay. */
export function reselect(before: readonly number[], page: readonly number[], chosen: readonly number[]): number[] {
  return [
    ...before.filter((id) => !page.includes(id) || chosen.includes(id)),
    ...chosen.filter((id) => !before.includes(id)),
  ]
}
