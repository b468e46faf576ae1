/** Ids in an address: '3,1,2'. */

export function parseIds(text: string | undefined): number[] {
  const ids = (text ?? '').split(',').map(Number)
  return [...new Set(ids.filter((id) => Number.isSafeInteger(id) && id > 0))]
}

export function joinIds(ids: readonly number[]): string | undefined {
  return ids.length > 0 ? ids.join(',') : undefined
}

/** The chosen ids after the choice among the rows of one page changed; what other pages chose stays. */
export function reselect(before: readonly number[], page: readonly number[], chosen: readonly number[]): number[] {
  return [
    ...before.filter((id) => !page.includes(id) || chosen.includes(id)),
    ...chosen.filter((id) => !before.includes(id)),
  ]
}
