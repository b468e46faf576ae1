/** Distributed models as chains, from the edge to the cloud. */

interface Part {
  id: number
  upper_model: number | null
}

/**
 * The chains, each starting at a part to which no other part sends. A part above several lower ones is in several
 * chains. Parts that are not among ``parts`` are left out, so a chain may end early.
 */
export function chainsOf<T extends Part>(parts: readonly T[]): T[][] {
  const byId = new Map(parts.map((part) => [part.id, part]))
  const uppers = new Set(parts.map((part) => part.upper_model))
  return parts
    .filter((part) => !uppers.has(part.id))
    .map((lowest) => {
      const chain: T[] = []
      let next: T | undefined = lowest
      while (next && !chain.includes(next)) {
        chain.push(next)
        next = next.upper_model === null ? undefined : byId.get(next.upper_model)
      }
      return chain
    })
}
