/** One version of a data set: its records, how they are split, and the contract. */
import { Stack } from '@mantine/core'
import { TopicLink } from '~/components/ButtonLink'
import { ContractView } from '~/components/contract/ContractView'
import { recordsWords, sinceWords } from '~/components/contract/words'
import { Facts } from '~/components/Facts'
import { Section } from '~/components/Section'
import type { DatasetVersion } from '~/lib/api'
import { formatCount, formatExact, formatMoment } from '~/lib/format'
import { parseRanges, sharesOf } from '~/lib/ranges'

export function VersionView({ version }: { version: DatasetVersion }) {
  const [train, validation, test] = sharesOf(version.validation_rate, version.test_rate)
  return (
    <Stack gap="lg">
      <Section title="Slice">
        <Facts
          facts={[
            ['Records', version.online ? recordsWords(version) : `${recordsWords(version)} at most`],
            version.online && ['Ranges', <Online key="where" version={version} />],
            version.online && [
              'Learnt from',
              `vocabularies, scales and classes are those of the first ${formatCount(version.fit_records)} records, or of a whole larger first window`,
            ],
            !version.online && [
              'Ranges',
              <Stack key="where" gap={2} mah={160} style={{ overflow: 'auto' }}>
                {parseRanges(version.ranges).map(({ topic, partition, start, end }) => (
                  <span key={`${topic}:${partition}:${start}`}>
                    <TopicLink name={topic} search={{ from: 'offset', offset: start, partition }} /> partition{' '}
                    {partition}, offsets {formatExact(start)} to {formatExact(end === null ? null : end - 1)}
                  </span>
                ))}
              </Stack>,
            ],
            [
              'Split',
              version.online
                ? `${train}% train, ${validation}% validate; the validation samples also test`
                : `${train}% train, ${validation}% validate, ${test}% test`,
            ],
            ['Created', formatMoment(version.created_at)],
          ]}
        />
      </Section>
      <Section title="Contract">
        <ContractView contract={version.contract} />
      </Section>
    </Stack>
  )
}

function Online({ version }: { version: DatasetVersion }) {
  return (
    <span>
      <TopicLink name={version.ranges} />, {sinceWords(version)}, and what comes
    </span>
  )
}
