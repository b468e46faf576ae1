/** Ranges of a stream: 'mnist:0:0:1000' means offsets 0 to 999 of partition 0 of the topic mnist. */

export interface StreamRange {
  topic: string
  partition: number
  start: number
  /** The offset after the last one; null for a stream without end. */
  end: number | null
}

/** Read comma-separated ranges in wire format. Invalid ranges are left out. */
export function parseRanges(text: string | null): StreamRange[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
    .flatMap((part): StreamRange[] => {
      const [topic, ...numbers] = part.split(':')
      if (!topic) return []
      const [partition = 0, start = 0, end = null] = numbers.map((number) =>
        number === '' ? undefined : Number(number),
      )
      if ([partition, start, end ?? 0].some((number) => !Number.isSafeInteger(number))) return []
      // A range 'topic:partition:start' without an end is empty: old sinks write it for partitions without records.
      return [{ topic, partition, start, end: numbers.length === 2 ? start : end }]
    })
}

/** An upper bound of the number of records in the ranges; null for a stream without end. */
export function mostRecords(ranges: readonly StreamRange[]): number | null {
  return ranges.some((range) => range.end === null)
    ? null
    : ranges.reduce((sum, range) => sum + ((range.end ?? 0) - range.start), 0)
}

/** The topics of the ranges, without duplicates. */
export function topicsOf(ranges: readonly StreamRange[]): string[] {
  return [...new Set(ranges.map((range) => range.topic))]
}

/** The shares of a stream in percent: [train, validation, test]. */
export function sharesOf(validation: number, test: number): [number, number, number] {
  const percent = (share: number) => Math.round(share * 1000) / 10
  return [percent(1 - validation - test), percent(validation), percent(test)]
}
