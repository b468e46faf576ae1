/** Writes the rows of a CSV or JSON-lines file to a topic, in batches, and tells of each row that was not written. */
import {
  Alert,
  Button,
  Code,
  FileButton,
  Group,
  List,
  Modal,
  Paper,
  Progress,
  Select,
  Stack,
  Text,
} from '@mantine/core'
import { IconFileImport } from '@tabler/icons-react'
import { type DragEvent, useRef, useState } from 'react'
import { Dimmed } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { topicsRecordsRows } from '~/lib/api'
import { formatBytes, formatCount, plural } from '~/lib/format'
import { batchesOf, FileProblem, type FileRows, type LineProblem, MOST_FILE_BYTES, readRows } from './fileRows'

const SHOWN_ROWS = 5
const SHOWN_PROBLEMS = 20

interface Sent {
  written: number
  problems: LineProblem[]
  state: 'sending' | 'stopped' | 'done'
  error: unknown
}

export function FileDialog({ topic, onClose }: { topic: string; onClose: () => void }) {
  const [file, setFile] = useState<{ name: string; found: FileRows } | null>(null)
  const [refusal, setRefusal] = useState('')
  const [keyField, setKeyField] = useState<string | null>(null)
  const [sent, setSent] = useState<Sent | null>(null)
  const stop = useRef(false)
  const sending = sent?.state === 'sending'

  const take = async (chosen: File | null) => {
    if (chosen === null) return
    setRefusal('')
    setFile(null)
    setSent(null)
    setKeyField(null)
    try {
      setFile({ name: chosen.name, found: await readRows(chosen) })
    } catch (error) {
      if (!(error instanceof FileProblem)) throw error
      setRefusal(error.message)
    }
  }

  const write = async (found: FileRows) => {
    stop.current = false
    let now: Sent = { written: 0, problems: [], state: 'sending', error: null }
    const change = (next: Partial<Sent>) => {
      now = { ...now, ...next }
      setSent(now)
    }
    change({})
    try {
      for (const batch of batchesOf(found, keyField)) {
        if (stop.current) return change({ state: 'stopped' })
        const body = { records: batch.map(({ record }) => record) }
        const { data } = await topicsRecordsRows({ path: { name: topic }, body, throwOnError: true })
        const refused = data.refused.map(({ row, detail }) => ({ line: batch[row]?.row.line ?? 0, detail }))
        change({ written: now.written + data.written, problems: [...now.problems, ...refused] })
      }
      change({ state: 'done' })
    } catch (error) {
      change({ state: 'stopped', error })
    }
  }

  const close = () => {
    stop.current = true
    onClose()
  }

  return (
    <Modal
      opened
      onClose={close}
      centered
      size="lg"
      title={`Write a file to ${topic}`}
      // Half a file is written only if the user says so, by Stop.
      withCloseButton={!sending}
      closeOnEscape={!sending}
      closeOnClickOutside={!sending}
    >
      <Stack gap="sm">
        <DropField disabled={sending} onFile={(chosen) => void take(chosen)} />
        {refusal !== '' && (
          <Alert role="alert" color="red" title="The file cannot be used">
            {refusal}
          </Alert>
        )}
        {file && (
          <>
            <FilePreview name={file.name} found={file.found} />
            <Select
              label="Key"
              description="Records of one key keep their order, and windows are made by key"
              placeholder="None"
              clearable
              disabled={sending}
              data={file.found.fields}
              value={keyField}
              onChange={setKeyField}
            />
          </>
        )}
        {file && sent && <Outcome sent={sent} rows={file.found.rows.length} />}
        <Group justify="flex-end" gap="xs">
          {sending ? (
            <Button
              variant="default"
              onClick={() => {
                stop.current = true
              }}
            >
              Stop
            </Button>
          ) : (
            <Button variant="default" onClick={close}>
              {sent === null ? 'Cancel' : 'Close'}
            </Button>
          )}
          {(sent === null || sending) && (
            <Button
              loading={sending}
              disabled={file === null || file.found.rows.length === 0}
              onClick={() => file && void write(file.found)}
            >
              {file === null ? 'Write' : `Write ${plural(file.found.rows.length, 'record')}`}
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  )
}

function DropField({ disabled, onFile }: { disabled: boolean; onFile: (file: File | null) => void }) {
  const [over, setOver] = useState(false)
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    if (!disabled) onFile(event.dataTransfer.files[0] ?? null)
  }
  return (
    <Paper
      withBorder
      p="md"
      data-testid="drop"
      bg={over ? 'var(--mantine-primary-color-light)' : undefined}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <Group gap="sm" justify="space-between">
        <Dimmed>
          Drop a CSV or JSON-lines file here, {formatBytes(MOST_FILE_BYTES)} at most. Rows of CSV are written as JSON
          objects.
        </Dimmed>
        <FileButton accept=".csv,.tsv,.txt,.json,.jsonl,.ndjson,text/csv" onChange={onFile} disabled={disabled}>
          {(props) => (
            <Button {...props} size="xs" variant="default" leftSection={<IconFileImport size={14} aria-hidden />}>
              Choose a file
            </Button>
          )}
        </FileButton>
      </Group>
    </Paper>
  )
}

function FilePreview({ name, found }: { name: string; found: FileRows }) {
  const { rows, problems } = found
  return (
    <Stack gap={6}>
      <Text size="sm">
        {name}: {plural(rows.length, 'record')}
        {rows.length > SHOWN_ROWS && `, of which the first ${SHOWN_ROWS} are shown as they will be written`}
      </Text>
      {rows.length > 0 && (
        <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {rows
            .slice(0, SHOWN_ROWS)
            .map((row) => row.value)
            .join('\n')}
        </Code>
      )}
      {problems.length > 0 && <Problems title="Left out" problems={problems} />}
    </Stack>
  )
}

function Outcome({ sent, rows }: { sent: Sent; rows: number }) {
  const { written, problems, state, error } = sent
  const words = {
    sending: `${formatCount(written)} of ${plural(rows, 'record')} written`,
    stopped: `Stopped: ${formatCount(written)} of ${plural(rows, 'record')} are known to be written`,
    done: `${plural(written, 'record')} written`,
  }
  return (
    <Stack gap={6}>
      <Progress value={(100 * (written + problems.length)) / rows} aria-label="Records written" />
      <Text size="sm" role="status">
        {words[state]}
      </Text>
      {problems.length > 0 && <Problems title="Not written" problems={problems} />}
      <ProblemAlert error={error} />
    </Stack>
  )
}

function Problems({ title, problems }: { title: string; problems: readonly LineProblem[] }) {
  return (
    <Alert color="yellow" title={`${title}: ${plural(problems.length, 'row')}`}>
      <List size="sm">
        {problems.slice(0, SHOWN_PROBLEMS).map(({ line, detail }) => (
          <List.Item key={line}>
            Line {line}: {detail}
          </List.Item>
        ))}
      </List>
      {problems.length > SHOWN_PROBLEMS && (
        <Text size="sm">and {formatCount(problems.length - SHOWN_PROBLEMS)} more</Text>
      )}
    </Alert>
  )
}
