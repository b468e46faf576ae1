/** How many records topics hold, as far as Kafka tells without reading them. */
import { formatCount, formatExact } from '~/lib/format'

/** Transaction markers have offsets as records do, and so had the records that compaction took away. */
export function atMost(records: number | null): string {
  if (records === null) return 'not reported by Kafka'
  return `at most ${formatExact(records)}: transaction markers and compacted records are counted too`
}

/** 'about 601 records', which no reader should take for duplicates. */
export function aboutText(records: number | null): string {
  return records === null || records === 0 ? `${formatCount(records)} records` : `about ${formatCount(records)} records`
}
