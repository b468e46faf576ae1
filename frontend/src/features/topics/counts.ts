/** The approximate number of records in topics, computed from offsets without reading them. */
import { formatCount, formatExact } from '~/lib/format'

/** Offsets also count transaction markers and records that compaction removed. */
export function atMost(records: number | null): string {
  if (records === null) return 'not reported by Kafka'
  return `at most ${formatExact(records)}: transaction markers and compacted records are counted too`
}

/** An approximate count such as 'about 601 records', so that no reader looks for missing or duplicate records. */
export function aboutText(records: number | null): string {
  return records === null || records === 0 ? `${formatCount(records)} records` : `about ${formatCount(records)} records`
}
