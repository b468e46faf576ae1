/** Records without a key: what cannot be done with them, and how they get one. */
import type { Proposal } from '~/lib/api'
import { formatPercent } from '~/lib/format'
import type { BuilderValues } from './values'

/** The number of records per value from which a field may name what the records are of. */
const MIN_REPEATS = 5

/** Whether a sample depends on other records of the same key. The API leaves out records without a key then. */
export function followsKeys({ window, split, columns }: Pick<BuilderValues, 'window' | 'split' | 'columns'>): boolean {
  return window.on || split === 'key' || columns.some(({ missing }) => missing === 'last')
}

/** What to say about sampled records without a key; null if all have one. */
export function keylessNote(proposal: Proposal | undefined): { title: string; text: string } | null {
  const missing = proposal?.key?.missing ?? 0
  if (!proposal || missing === 0) return null
  const field = deviceField(proposal)
  const named = field === undefined ? 'the id of the device, such as a machine or a person,' : `the field ${field}`
  return {
    title:
      missing === 1
        ? 'The sampled records have no key'
        : `${formatPercent(missing)} of the sampled records have no key`,
    text:
      'Windows, last values and the split by key group records by their Kafka key, not by a field, because only ' +
      'records of one key are kept in order on one partition. Records without a key are left out there. To use them, ' +
      `let the producer send ${named} as the key of each record, then choose the new records.`,
  }
}

/** The text field whose values repeat most like the names of devices. */
function deviceField({ fields, sampled }: Proposal): string | undefined {
  const texts = fields.filter(
    ({ kind, distinct }) => kind === 'text' && distinct > 1 && sampled / distinct >= MIN_REPEATS,
  )
  return texts.sort((a, b) => b.distinct - a.distinct)[0]?.expression
}
