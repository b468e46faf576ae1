/** What every list keeps in its address: text looked for, order, page; features add their own filters. */

export interface ListSearch {
  q?: string | undefined
  /** A field name, with '-' before it for descending: the API's own spelling. */
  sort?: string | undefined
  /** 1-based. */
  page?: number | undefined
}

export const PAGE_SIZE = 50

/** Read the shared part of an address; what is not understood is left out rather than refused. */
export function listSearch(search: Record<string, unknown>): ListSearch {
  const page = Number(search.page)
  return {
    q: textOf(search.q),
    sort: textOf(search.sort),
    page: Number.isInteger(page) && page > 1 ? page : undefined,
  }
}

/** A text of the address, or nothing. Short numbers come out of the address as numbers. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** One of ``allowed``, or nothing. */
export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((choice) => choice === value)
}

/** A positive whole number, or nothing. */
export function idOf(value: unknown): number | undefined {
  const number = Number(value)
  return Number.isSafeInteger(number) && number > 0 ? number : undefined
}

/** The query that the API understands. */
export function listQuery({ q, sort, page }: ListSearch): {
  search?: string
  ordering?: string
  limit: number
  offset: number
} {
  return {
    ...(q ? { search: q } : {}),
    ...(sort ? { ordering: sort } : {}),
    limit: PAGE_SIZE,
    offset: ((page ?? 1) - 1) * PAGE_SIZE,
  }
}
