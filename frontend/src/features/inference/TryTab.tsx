/** Sends one drawn, picked or pasted sample through Kafka and shows the prediction and the way that it went. */

import { Alert, Box, Button, Group, SegmentedControl, SimpleGrid, Skeleton, Stack, Text, Title } from '@mantine/core'
import { IconSend } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { TopicLink } from '~/components/ButtonLink'
import { CodeEditor } from '~/components/CodeEditor'
import { CopyAs } from '~/components/CopyAs'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { DrawDigit } from '~/components/DrawDigit'
import { FieldError } from '~/components/FieldError'
import { NumberField } from '~/components/NumberField'
import type { SampleData } from '~/components/SampleView'
import { SampleView } from '~/components/SampleView'
import { type Inference, inferencesTryMutation } from '~/lib/api'
import { curlCall, pythonCall, shellQuote } from '~/lib/equivalents'
import { formatMetric, formatShape } from '~/lib/format'
import { problemOf } from '~/lib/problem'
import { useSession } from '~/lib/session'
import { SamplePicker } from './SamplePicker'
import { TryAnswer } from './TryAnswer'
import { TryHistory } from './TryHistory'
import { useTries } from './tries'
import { type SampleSource, useSampleSource } from './useSampleSource'

const MAX_VALUES = 10_000

type Mode = 'draw' | 'sample' | 'json'

interface Chosen {
  sample: unknown
  shape: number[] | null
  shown: SampleData | null
  truth: string | null
}

export function TryTab({ inference }: { inference: Inference }) {
  const { can } = useSession()
  const source = useSampleSource(inference)
  if (!can('editor')) {
    return <Dimmed>This writes a record to {inference.input_topic}, for which you need the editor role.</Dimmed>
  }
  if (source.loading) return <Skeleton height={280} />
  if (source.contract?.window) {
    return (
      <Dimmed>
        A prediction takes the last {source.contract.window.length} records of one key, so a single record gets no
        answer. Write them to{' '}
        <TopicLink name={inference.input_topic} inherit>
          {inference.input_topic}
        </TopicLink>
        ; the predictions come to{' '}
        <TopicLink name={inference.output_topic} inherit>
          {inference.output_topic}
        </TopicLink>
        .
      </Dimmed>
    )
  }
  return <TryPanel inference={inference} source={source} />
}

function TryPanel({ inference, source }: { inference: Inference; source: SampleSource }) {
  const { tries, add } = useTries(inference.id)
  const [asked, setMode] = useState<Mode | null>(null)
  const [drawn, setDrawn] = useState<SampleData | null>(null)
  const [picked, setPicked] = useState<{ key: string; sample: SampleData; label: string | null } | null>(null)
  const [typed, setTyped] = useState<string | null>(null)
  const [timeout, setTimeout] = useState<number | ''>(10)
  const [looking, setLooking] = useState<number | null>(null)
  const attempt = useMutation(inferencesTryMutation())

  const modes = [
    ...(source.drawable && !source.contract ? [{ value: 'draw', label: 'Draw' }] : []),
    ...(source.samples.length > 0 ? [{ value: 'sample', label: 'Training sample' }] : []),
    { value: 'json', label: 'JSON' },
  ]
  const mode = (modes.find((option) => option.value === asked) ?? modes[0])?.value as Mode
  const text = typed ?? (source.record ? JSON.stringify(source.record, null, 2) : '')
  const pasted = parseJson(text)
  const chosen = chosenOf(mode, source, drawn, picked, pasted)
  const send = async (what: Chosen) => {
    setLooking(null)
    const body = {
      sample: what.sample,
      ...(what.shape ? { shape: what.shape } : {}),
      timeout_seconds: timeout === '' ? 10 : timeout,
      // Predictions are cut, because an image has more values than a page can show.
      max_values: MAX_VALUES,
    }
    const entry = { at: new Date(), sample: what.sample, shape: what.shape, shown: what.shown, truth: what.truth }
    try {
      const answer = await attempt.mutateAsync({ path: { id: String(inference.id) }, body })
      add({ ...entry, shown: what.shown ?? answer.sent, answer, problem: null })
    } catch (error) {
      add({ ...entry, answer: null, problem: problemOf(error) })
    }
  }
  const entry = tries.find((candidate) => candidate.number === looking) ?? tries[0]
  const running = inference.state === 'running'
  return (
    <Stack gap="lg">
      {!running && (
        <Alert color="yellow" py={6}>
          The inference is not running: it is {inference.state}.
        </Alert>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing={32}>
        <Stack gap="sm">
          <Group gap="xs">
            {modes.length > 1 && (
              <SegmentedControl
                aria-label="Source of the sample"
                data={modes}
                value={mode}
                onChange={(value) => setMode(value as Mode)}
              />
            )}
          </Group>
          {mode === 'draw' && source.drawable && (
            <Group align="flex-start" gap="md">
              <DrawDigit
                shape={source.drawable}
                dtype={source.dtype}
                range={source.range}
                filled={source.filled}
                onChange={setDrawn}
              />
              <Stack gap={4}>
                <SmallPrint>What the model sees</SmallPrint>
                {drawn ? (
                  <SampleView sample={drawn} label="Your drawing" size={96} />
                ) : (
                  <Box w={96} h={96} style={{ border: '1px dashed var(--mantine-color-default-border)' }} />
                )}
                <Text size="xs" c="dimmed" maw={140}>
                  {formatShape(source.drawable)}, {source.dtype} from {formatMetric(source.range.least)} to{' '}
                  {formatMetric(source.range.greatest)}
                  {source.rangeFrom ? `, as in ${source.rangeFrom}` : ''}
                </Text>
              </Stack>
            </Group>
          )}
          {mode === 'sample' && (
            <SamplePicker
              samples={source.samples}
              stream={source.stream}
              picked={picked?.key ?? null}
              onPick={setPicked}
            />
          )}
          {mode === 'json' && (
            <CodeEditor
              label={source.contract ? 'Record as JSON' : 'Sample as JSON'}
              language="json"
              description={`Expected: ${expectation(inference, source)}`}
              placeholder={exampleText(source.shape)}
              value={text}
              onChange={setTyped}
              minHeight={140}
              maxHeight={300}
              onSubmit={() => chosen && void send(chosen)}
            />
          )}
          <FieldError
            error={mode === 'json' && text.trim() !== '' && pasted === undefined && 'This is not valid JSON.'}
          />
          <Group gap="xs" align="flex-end">
            <Button
              leftSection={<IconSend size={16} aria-hidden />}
              disabled={!chosen || !running}
              loading={attempt.isPending}
              onClick={() => chosen && void send(chosen)}
            >
              Send through Kafka
            </Button>
            <NumberField
              size="xs"
              w={120}
              label="Timeout"
              suffix=" s"
              min={1}
              max={30}
              value={timeout}
              onChange={(value) => setTimeout(typeof value === 'number' ? value : '')}
            />
            <CopyAs equivalents={equivalentsOf(inference.id, chosen)} />
          </Group>
          <Text size="xs" c="dimmed" maw={480}>
            This writes a real record to {inference.input_topic}; the prediction stays in {inference.output_topic}.
          </Text>
        </Stack>
        <Stack gap="sm" style={{ minWidth: 0 }} aria-live="polite">
          <Title order={2}>{entry ? `Answer ${entry.number}` : 'Answer'}</Title>
          {entry ? (
            <TryAnswer entry={entry} inference={inference} />
          ) : (
            <Text size="sm" c="dimmed" maw={420}>
              The prediction appears here, with its time and its path: topic, partition and offset, replica and version
              of the model.
            </Text>
          )}
        </Stack>
      </SimpleGrid>
      {tries.length > 0 && (
        <TryHistory
          tries={tries}
          shown={entry?.number ?? null}
          busy={attempt.isPending || !running}
          onShow={setLooking}
          onRepeat={(again) => void send(again)}
        />
      )}
    </Stack>
  )
}

function chosenOf(
  mode: Mode,
  source: SampleSource,
  drawn: SampleData | null,
  picked: { sample: SampleData; label: string | null } | null,
  pasted: unknown,
): Chosen | null {
  if (mode === 'draw') {
    if (!drawn || !source.drawable) return null
    // A sample that the model takes as a flat vector is drawn as a square and sent flat.
    return { sample: drawn.values, shape: source.declared ?? source.drawable, shown: drawn, truth: null }
  }
  if (mode === 'sample') {
    if (!picked) return null
    return { sample: picked.sample.values, shape: [...picked.sample.shape], shown: picked.sample, truth: picked.label }
  }
  if (pasted === undefined) return null
  const known = !source.contract && source.shape?.every((size) => size !== null) ? (source.shape as number[]) : null
  return { sample: pasted, shape: known, shown: null, truth: null }
}

/** The value of ``text`` as JSON; undefined while it is not valid JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function expectation(inference: Inference, source: SampleSource): string {
  if (source.contract) return `an object with the fields ${Object.keys(source.record ?? {}).join(', ')}`
  const objects = inference.input_format === 'RAW' ? '' : ', or an object with the fields'
  const shape = source.shape ? ` of shape ${formatShape(source.shape)} (nested or flat)` : ''
  return `numbers${shape}, ${source.dtype}${objects}`
}

function equivalentsOf(inference: number, chosen: Chosen | null) {
  const sample = chosen?.sample ?? [0]
  const shape = chosen?.shape ?? undefined
  const text = JSON.stringify(sample)
  return {
    cli: `kafka-ml inferences try ${inference} ${shellQuote(text)}${shape ? ` --shape ${shellQuote(shape.join(' '))}` : ''}`,
    python: pythonCall('client.inferences.try_sample', { identifier: inference, sample, shape }),
    curl: curlCall('POST', `/api/inferences/${inference}/try/`, { sample, ...(shape ? { shape } : {}) }),
  }
}

/** The beginning of a sample of the right shape, as JSON: ``[[0, 0, 0, …], …]``. */
export function exampleText(shape: readonly (number | null)[] | null): string {
  const [size, ...inner] = shape ?? [4]
  if (inner.length > 0) return `[${exampleText(inner)}, …]`
  return size !== null && size !== undefined && size <= 4
    ? `[${Array.from({ length: size }, () => '0').join(', ')}]`
    : '[0, 0, 0, …]'
}
