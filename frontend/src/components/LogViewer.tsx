/**
 * LogViewer: a log while it grows and after its process is gone. Follows the end until the reader scrolls up, filters
 * errors and text, and never blanks what it showed. Any source of pieces by byte offset fits.
 */
import { Box, Button, Group, Skeleton, Text } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { memo, type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { formatBytes, formatCount, plural } from '~/lib/format'
import { useLive } from '~/lib/live'
import { fileName, saveFile } from '~/lib/saveFile'
import { Dimmed } from './Dimmed'
import classes from './LogViewer.module.css'
import { filterLines, type LogLine, MAX_LINES, shownLines } from './logLines'
import { ProblemAlert } from './ProblemAlert'
import { SearchField } from './SearchField'
import { Toggle } from './Toggle'
import { type ReadLog, readWholeLog, useLog } from './useLog'

export type { ReadLog } from './useLog'

/** Lines drawn together; groups out of sight cost nothing (content-visibility). */
const GROUP = 200

export function LogViewer({
  read,
  source,
  live,
  name,
  empty = 'Nothing has been logged yet.',
  errorsOnly: errorsAtFirst = false,
  onErrorsOnly,
}: {
  read: ReadLog
  /** Names the log, such as 'result-1-attempt-2'. Under another name, reading starts over. */
  source: string
  /** Whether more lines may come. */
  live: boolean
  /** Name of the downloaded file, without ending. */
  name: string
  /** Shown while the log has no line. */
  empty?: ReactNode
  errorsOnly?: boolean
  /** Called when the filter is switched, so that the page can keep it in the address. */
  onErrorsOnly?: (on: boolean) => void
}) {
  const { paused } = useLive()
  const log = useLog(read, source, live && !paused)
  const [errorsOnly, setErrorsOnly] = useState(errorsAtFirst)
  const [query, setQuery] = useState('')
  const [wrap, setWrap] = useState(true)
  const [raw, setRaw] = useState(false)
  const [following, setFollowing] = useState(true)

  const all = useMemo(() => shownLines(log.buffer), [log.buffer])
  const shown = useMemo(() => filterLines(all, { query, errorsOnly }), [all, query, errorsOnly])
  const errors = useMemo(() => all.reduce((sum, line) => sum + Number(line.level === 'error'), 0), [all])
  const groups = useMemo(() => groupsOf(shown), [shown])

  const box = useRef<HTMLElement>(null)
  const lastTop = useRef(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are what moves the end
  useEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [following, groups, wrap, raw])
  const onScroll = () => {
    if (!box.current) return
    const { scrollTop, scrollHeight, clientHeight } = box.current
    // Only scrolling up ends the following. The end also moves when lines come into sight and are measured.
    if (scrollTop < lastTop.current - 4) setFollowing(false)
    if (scrollHeight - scrollTop - clientHeight < 24) setFollowing(true)
    lastTop.current = scrollTop
  }
  const filtering = query.trim() !== '' || errorsOnly
  return (
    <Box>
      <Group gap="sm" mb="xs">
        <SearchField label="Search the log" w={220} value={query} onChange={(text) => setQuery(text ?? '')} />
        <Toggle
          label={`Errors only (${formatCount(errors)})`}
          checked={errorsOnly}
          onChange={(on) => {
            setErrorsOnly(on)
            onErrorsOnly?.(on)
          }}
        />
        <Toggle label="Wrap" checked={wrap} onChange={setWrap} />
        <Toggle label="Raw" checked={raw} onChange={setRaw} />
        <Toggle label="Follow" checked={following} onChange={setFollowing} />
        <Download read={read} name={name} />
      </Group>
      <Box mb="xs">
        <ProblemAlert
          error={log.error}
          title={
            all.length > 0 ? 'No more of the log can be read at the moment' : 'The log cannot be read at the moment'
          }
        />
      </Box>
      <Notes log={log} shown={shown.length} all={all.length} filtering={filtering} live={live} paused={paused} />
      <section
        ref={box}
        className={classes.log}
        aria-label="Log"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        data-wrap={wrap}
        onScroll={onScroll}
      >
        {all.length === 0 && log.loading && (
          <Skeleton height={14} width="60%" m="xs" role="status" aria-label="Loading" />
        )}
        {all.length === 0 && !log.loading && !log.error && (
          <Text size="sm" c="dimmed" p="xs" component="div">
            {empty}
          </Text>
        )}
        {all.length > 0 && shown.length === 0 && <Dimmed p="xs">No line matches the filter.</Dimmed>}
        {groups.map((group) => (
          <LineGroup key={group[0]?.number} lines={group} query={query.trim()} raw={raw} />
        ))}
      </section>
    </Box>
  )
}

/** Notes above the log that say how much of it is shown. */
function Notes({
  log,
  shown,
  all,
  filtering,
  live,
  paused,
}: {
  log: ReturnType<typeof useLog>
  shown: number
  all: number
  filtering: boolean
  live: boolean
  paused: boolean
}) {
  return (
    <Group gap="md" mb={4} mih={22}>
      <Text size="xs" c="dimmed" role="status">
        {filtering ? `${formatCount(shown)} of ${plural(all, 'line')}` : plural(all, 'line')}
        {live && (paused ? '; paused' : '; updates while it runs')}
        {all > 0 && '; times are yours, raw lines have UTC'}
        {log.stored && '; the process has ended, this is the end of its log'}
        {log.buffer.dropped > 0 &&
          `; the first ${plural(log.buffer.dropped, 'line')} were dropped, ${formatCount(MAX_LINES)} are shown: download has all`}
      </Text>
      {!log.atStart && (
        <Button size="compact-xs" variant="default" onClick={log.fromStart}>
          Show the {formatBytes(log.firstByte)} before this
        </Button>
      )}
    </Group>
  )
}

function Download({ read, name }: { read: ReadLog; name: string }) {
  const download = useMutation({
    mutationFn: async () => {
      const text = await readWholeLog(read, new AbortController().signal)
      saveFile(`${fileName(name)}.log`, text, 'text/plain')
    },
  })
  return (
    <>
      <Button
        size="xs"
        variant="default"
        loading={download.isPending}
        leftSection={<IconDownload size={14} aria-hidden />}
        onClick={() => download.mutate()}
      >
        Download
      </Button>
      <ProblemAlert error={download.error} />
    </>
  )
}

/**
 * Splits lines into groups. The same lines always give the same groups, so only the last group is drawn again as the
 * log grows.
 */
function groupsOf(lines: readonly LogLine[]): readonly (readonly LogLine[])[] {
  const groups: LogLine[][] = []
  for (const line of lines) {
    const group = groups.at(-1)
    // Groups are by line number rather than by index, so that dropping old lines does not shift every group.
    if (group && Math.floor((group[0]?.number ?? 0) / GROUP) === Math.floor(line.number / GROUP)) group.push(line)
    else groups.push([line])
  }
  return groups
}

const LineGroup = memo(
  function LineGroup({ lines, query, raw }: { lines: readonly LogLine[]; query: string; raw: boolean }) {
    return (
      <div className={classes.group} style={{ containIntrinsicSize: `auto ${lines.length * 18}px` }}>
        {lines.map((line) => (
          <div key={line.number} className={classes.line} data-level={line.level}>
            <Marked text={raw ? line.raw : line.text} query={query} />
          </div>
        ))}
      </div>
    )
  },
  (before, after) =>
    before.query === after.query &&
    before.raw === after.raw &&
    before.lines.length === after.lines.length &&
    before.lines.every((line, index) => line === after.lines[index]),
)

/** A text with each match of the search marked. */
function Marked({ text, query }: { text: string; query: string }) {
  if (query === '') return text || '\u00a0'
  const lower = text.toLowerCase()
  const wanted = query.toLowerCase()
  const parts: ReactNode[] = []
  let from = 0
  for (let at = lower.indexOf(wanted); at >= 0 && parts.length < 100; at = lower.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>)
    from = at + wanted.length
  }
  return [...parts, text.slice(from)]
}
