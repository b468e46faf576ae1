/** The result of one try: the prediction as bars or numbers, how long it took, and the way of the record. */
import { Alert, Code, Group, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconHourglass } from '@tabler/icons-react'
import { InferenceLink, ResultLink, TopicLink } from '~/components/ButtonLink'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import type { Inference, Try } from '~/lib/api'
import { formatExact, formatMetric, formatMilliseconds, formatPercent, includeText, plural } from '~/lib/format'
import { type Class, readAnswer } from './answers'
import { stageText } from './LetterRow'
import classes from './Try.module.css'
import type { TryEntry } from './tries'

/** The most bars shown; beyond them only the likeliest classes are of interest. */
const MAX_BARS = 20
const MAX_NUMBERS = 40

export function TryAnswer({ entry, inference }: { entry: TryEntry; inference: Inference }) {
  const { answer, problem } = entry
  if (problem) return <ProblemAlert error={problem} title="The sample was not sent" />
  if (!answer) return null
  return (
    <Stack gap="md">
      <Said answer={answer} truth={entry.truth} inference={inference} />
      <Stack gap={6}>
        <Title order={3}>
          Path{answer.outcome === 'no_answer' ? '' : `, in ${formatMilliseconds(answer.seconds * 1000)}`}
        </Title>
        <Way answer={answer} inference={inference} />
      </Stack>
    </Stack>
  )
}

function Said({ answer, truth, inference }: { answer: Try; truth: string | null; inference: Inference }) {
  if (answer.outcome === 'no_answer') {
    const before = answer.waiting_before
    return (
      <Alert
        color="yellow"
        icon={<IconHourglass aria-hidden />}
        title={`No answer within ${formatMilliseconds(answer.seconds * 1000)}`}
      >
        {before === null
          ? 'Nothing has been read from this partition yet: the replicas may still be starting. '
          : before > 0
            ? `${plural(before, 'record')} of the partition are waiting before it. `
            : 'It was read, but no prediction arrived: see the logs. '}
        The record is in the topic and will still be answered: wait longer, or add replicas.
      </Alert>
    )
  }
  if (answer.outcome === 'dead_lettered') {
    return (
      <Alert
        color="red"
        icon={<IconAlertTriangle aria-hidden />}
        title={`It became a dead letter${answer.reason?.stage ? `: ${stageText(answer.reason)}` : ''}`}
      >
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {answer.reason?.message || 'No reason was given.'}
        </Text>
        <InferenceLink id={inference.id} search={{ tab: 'letters' }} underline="always">
          Open the dead letters
        </InferenceLink>
      </Alert>
    )
  }
  if (answer.outcome === 'passed_on') {
    return (
      <Alert color="yellow" icon={<IconHourglass aria-hidden />} title="Handed up, not answered yet">
        {answer.tier || 'The tier'} was below its limit. No prediction of the tier above arrived within{' '}
        {formatMilliseconds(answer.seconds * 1000)}: serve that tier, or wait longer.
      </Alert>
    )
  }
  const reading = readAnswer(answer.values, answer.labels)
  return (
    <Stack gap="xs">
      {reading.kind === 'classes' && (
        <>
          <Group gap="sm" align="baseline">
            <Text fz={40} fw={700} lh={1}>
              {reading.best.label}
            </Text>
            <Text>
              probability {formatPercent(reading.best.share)}
              {answer.tier && `, answered at ${answer.tier}`}
            </Text>
            {truth !== null && (
              <Text size="sm" style={{ color: truth === reading.best.label ? 'var(--kml-good)' : 'var(--kml-failed)' }}>
                {truth === reading.best.label ? 'correct: matches the label' : `wrong: the label is ${truth}`}
              </Text>
            )}
          </Group>
          <Bars all={reading.classes} best={reading.best} />
          {reading.softmax && (
            <SmallPrint>The model outputs scores; their softmax is shown. Hover to see the scores.</SmallPrint>
          )}
        </>
      )}
      {reading.kind === 'numbers' && (
        <Group gap="lg">
          {reading.numbers.slice(0, MAX_NUMBERS).map((output) => (
            <div key={output.label}>
              <SmallPrint>{output.label}</SmallPrint>
              <Text fz="xl" fw={600} title={output.value === null ? 'not a number' : String(output.value)}>
                {formatMetric(output.value)}
              </Text>
            </div>
          ))}
          {truth !== null && <Dimmed>label {truth}</Dimmed>}
        </Group>
      )}
      {Array.isArray(answer.values) && answer.values_count !== null && answer.values_count > MAX_NUMBERS && (
        <SmallPrint>
          The prediction has {formatExact(answer.values_count)} numbers; the first{' '}
          {reading.kind === 'numbers' ? MAX_NUMBERS : formatExact(answer.values.length)} are shown. All of it is in{' '}
          {answer.output?.topic}.
        </SmallPrint>
      )}
      {reading.kind === 'other' && (
        <Code block tabIndex={0} aria-label="Answer" role="region" style={{ maxHeight: 240, overflow: 'auto' }}>
          {reading.text}
        </Code>
      )}
      {answer.include && <SmallPrint>with {includeText(answer.include)}</SmallPrint>}
    </Stack>
  )
}

function Bars({ all, best }: { all: readonly Class[]; best: Class }) {
  const shown = all.length <= MAX_BARS ? all : [...all].sort((a, b) => b.share - a.share).slice(0, MAX_BARS)
  return (
    <>
      <ul className={classes.bars} aria-label="Probability of each class">
        {shown.map((bar) => (
          <li
            key={bar.index}
            className={`${classes.bar} ${bar.index === best.index ? classes.best : ''}`}
            title={`${bar.label}: ${bar.value}`}
          >
            <span className={classes.label}>{bar.label}</span>
            <span className={classes.track} aria-hidden>
              <span className={classes.fill} style={{ display: 'block', width: `${bar.share * 100}%` }} />
            </span>
            <span className={classes.number}>{formatPercent(bar.share)}</span>
          </li>
        ))}
      </ul>
      {shown.length < all.length && (
        <SmallPrint>
          The {MAX_BARS} most likely of {all.length} classes.
        </SmallPrint>
      )}
    </>
  )
}

/** Who read a record, when it is not known which of several replicas. */
function readerOf({ replicas }: Pick<Try, 'replicas'>): string {
  if (replicas === 0) return 'an external worker'
  return replicas === 1 ? 'the replica or an external worker' : `one of ${plural(replicas, 'replica')}`
}

function Way({ answer, inference }: { answer: Try; inference: Inference }) {
  const replica = answer.replica === null ? readerOf(answer) : `replica ${answer.replica}`
  return (
    <ol className={classes.path}>
      <li>
        written to <Place place={answer.input} linked />
      </li>
      {answer.way.map((step) => (
        <li key={step.inference}>
          {step.tier || 'a tier'} (<InferenceLink id={step.inference}>inference {step.inference}</InferenceLink>
          {step.version && `, version ${step.version}`}) was below its limit and handed it up to{' '}
          <Place place={step.output} linked={!inference.upper_bootstrap_servers} />
        </li>
      ))}
      {answer.outcome !== 'no_answer' && (
        <li>
          {answer.way.length > 0 ? (
            `read by ${answer.tier || 'the tier above'}`
          ) : (
            <>
              read by {replica} of inference {inference.id}: {inference.model_name}
            </>
          )}
          ,{' '}
          {answer.result === null ? (
            'unknown version'
          ) : (
            <>
              <ResultLink id={answer.result} underline="always">
                result {answer.result}
              </ResultLink>
              {answer.version ? `, version ${answer.version}` : ''}
            </>
          )}
        </li>
      )}
      {answer.output && (
        <li>
          {LEFT[answer.outcome]}
          <Place place={answer.output} linked={!inference.output_bootstrap_servers} />
        </li>
      )}
    </ol>
  )
}

const LEFT: Record<Try['outcome'], string> = {
  answered: 'written to ',
  dead_lettered: 'handed up to ',
  passed_on: 'handed up to ',
  no_answer: '',
}

function Place({ place, linked }: { place: Try['input']; linked: boolean }) {
  return (
    <>
      {linked ? <TopicLink name={place.topic} underline="always" /> : <b>{place.topic}</b>}, partition {place.partition}
      , offset {formatExact(place.offset)}
    </>
  )
}
