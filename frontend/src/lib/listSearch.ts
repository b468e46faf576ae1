/** The state that every list keeps in its address: search text, order and page. Features add their own filters. */

export interface ListSearch {
  q?: string | undefined
  /** The field to sort by, with '-' in front for descending order, as the API spells it. */
  sort?: string | undefined
  /** The number of the page, counted from 1. */
  page?: number | undefined
}

export const PAGE_SIZE = 50

/** Read the shared part of an address. Invalid values are dropped instead of being refused. */
export function listSearch(search: Record<string, unknown>): ListSearch {
  const page = Number(search.page)
  return {
    q: textOf(search.q),
    sort: textOf(search.sort),
    page: Number.isInteger(page) && page > 1 ? page : undefined,
  }
}

/** A text from the address; undefined when missing. Short numbers arrive as numbers. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The value if it is one of ``allowed``, otherwise undefined. */
export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((choice) => choice === value)
}

/** A positive whole number, otherwise undefined. */
export function idOf(value: unknown): number | undefined {
  const number = Number(value)
  return Number.isSafeInteger(number) && number > 0 ? number : undefined
}

/** The query to the API for a page of the list. */
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
