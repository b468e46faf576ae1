/** Chooses where reading begins, the partition, the text to find and the decoder. All of it is kept in the address. */

import { Button, Group, SegmentedControl, Select, TextInput, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { NumberField } from '~/components/NumberField'
import { SearchField } from '~/components/SearchField'
import { streamsFormatsListOptions, type Topic } from '~/lib/api'
import { DecoderSettings, defaultSettings } from './DecoderSettings'
import { PLAIN_DECODERS, type Start, type TopicSearch } from './search'

const STARTS: { value: Start; label: string }[] = [
  { value: 'newest', label: 'Newest' },
  { value: 'oldest', label: 'Oldest' },
  { value: 'offset', label: 'Offset' },
  { value: 'time', label: 'Time' },
  { value: 'live', label: 'Live' },
]
const DECODER_WORDS: Record<(typeof PLAIN_DECODERS)[number], string> = {
  auto: 'Automatic',
  text: 'Text',
  json: 'JSON',
  hex: 'Bytes (hex)',
}

export function ReadControls({
  topic,
  search,
  onSearch,
}: {
  topic: Topic
  search: TopicSearch
  onSearch: (change: TopicSearch) => void
}) {
  const from = search.from ?? 'newest'
  const decoder = search.decoder ?? 'auto'
  const formats = useQuery(streamsFormatsListOptions())
  const settingsOf = (name: string) => formats.data?.find((format) => format.decoder === name)?.settings ?? []
  /** Another starting point resets the page, because cursors belong to the old one. */
  const begin = (change: TopicSearch) => onSearch({ before: undefined, after: undefined, record: undefined, ...change })
  return (
    <>
      <Group gap="sm" align="flex-end">
        <SegmentedControl
          aria-label="Start"
          data={STARTS}
          value={from}
          onChange={(next) => begin({ from: next === 'newest' ? undefined : (next as Start) })}
        />
        {from === 'offset' && (
          <NumberField
            size="xs"
            w={120}
            label="Offset"
            min={0}
            allowDecimal={false}
            value={search.offset ?? 0}
            onChange={(next) => typeof next === 'number' && begin({ offset: next })}
          />
        )}
        {from === 'time' && (
          <TextInput
            size="xs"
            type="datetime-local"
            step={1}
            label="From this time"
            value={search.time ?? ''}
            onChange={(event) => begin({ time: event.currentTarget.value || undefined })}
          />
        )}
        {topic.partitions.length > 1 && (
          <Select
            size="xs"
            w={128}
            label="Partition"
            data={[
              { value: 'all', label: 'All' },
              ...topic.partitions.map(({ partition }) => ({ value: String(partition), label: String(partition) })),
            ]}
            value={search.partition === undefined ? 'all' : String(search.partition)}
            onChange={(next) => begin({ partition: next === null || next === 'all' ? undefined : Number(next) })}
          />
        )}
        <Select
          size="xs"
          w={140}
          label="Decode as"
          data={[
            ...PLAIN_DECODERS.map((value) => ({ value, label: DECODER_WORDS[value] })),
            ...(formats.data ?? [])
              .filter((format) => format.decoder !== '')
              .map((format) => ({ value: format.decoder, label: format.title })),
          ]}
          value={decoder}
          onChange={(next) =>
            onSearch({
              decoder: next === 'auto' ? undefined : (next ?? undefined),
              settings: next === null ? undefined : defaultSettings(settingsOf(next)),
            })
          }
        />
        <Group gap={4} align="flex-end" wrap="nowrap">
          <SearchField
            label={search.regex ? 'Matches' : 'Contains'}
            labelled
            placeholder="in key, value or headers"
            w={220}
            maxLength={200}
            wait={400}
            value={search.q ?? ''}
            onChange={(q) => begin({ q })}
          />
          <Tooltip label="Search by a regular expression, such as m(7|19)\b">
            <Button
              size="xs"
              px={8}
              ff="monospace"
              variant={search.regex ? 'light' : 'default'}
              aria-label="Regular expression"
              aria-pressed={search.regex === true}
              onClick={() => begin({ regex: search.regex ? undefined : true })}
            >
              .*
            </Button>
          </Tooltip>
        </Group>
      </Group>
      {settingsOf(decoder).length > 0 && (
        <DecoderSettings key={decoder} settings={settingsOf(decoder)} search={search} onSearch={onSearch} />
      )}
    </>
  )
}
