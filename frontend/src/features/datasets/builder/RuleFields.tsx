/** Key, window and split: how records belong together, and which of them train, validate and test. */
import { Alert, Group, Select, Stack, Text } from '@mantine/core'
import { IconKeyOff } from '@tabler/icons-react'
import { SPLITS, windowWords } from '~/components/contract/words'
import { SmallPrint } from '~/components/Dimmed'
import { FieldError } from '~/components/FieldError'
import { NumberField } from '~/components/NumberField'
import { Toggle } from '~/components/Toggle'
import type { Proposal } from '~/lib/api'
import { formatCount } from '~/lib/format'
import { followsKeys, keylessNote } from './keyless'
import { type FormProblems, textOf } from './problems'
import type { BuilderValues } from './values'

/** How samples of a data set without end are held out. */
const ONLINE_SPLITS: Record<BuilderValues['split'], string> = {
  content: 'The content of a record decides its part, so duplicates are in the same part.',
  time: 'The newest records of each window validate.',
  key: 'All records of a key are in the same part.',
}
const KEYS = { none: 'none', text: 'text', number: 'a number', bytes: 'bytes' }

export function RuleFields({
  values,
  onChange,
  problems,
  proposal,
}: {
  values: BuilderValues
  onChange: (change: Partial<BuilderValues>) => void
  problems: FormProblems
  proposal: Proposal | undefined
}) {
  const { window } = values
  const number = (name: 'length' | 'stride' | 'horizon', label: string, min: number) => (
    <NumberField
      size="xs"
      w={130}
      label={label}
      min={min}
      max={10_000}
      allowDecimal={false}
      value={window[name]}
      onChange={(value) => onChange({ window: { ...window, [name]: value } })}
      error={textOf(problems.get(`window.${name}`))}
    />
  )
  const keyless = keylessNote(proposal)
  const complete = [window.length, window.stride, window.horizon].every((typed) => typeof typed === 'number')
  return (
    <Stack gap="sm">
      <Group gap="sm" align="flex-start">
        <Select
          size="xs"
          w={160}
          label="Key"
          data={Object.entries(KEYS).map(([value, label]) => ({ value, label }))}
          value={values.key}
          onChange={(key) => key !== null && onChange({ key: key as BuilderValues['key'] })}
          error={textOf(problems.get('key'))}
        />
        <Select
          size="xs"
          w={220}
          label="Split"
          data={Object.entries(SPLITS).map(([value, label]) => ({ value, label }))}
          value={values.split}
          onChange={(split) => split !== null && onChange({ split: split as BuilderValues['split'] })}
          error={textOf(problems.get('split'))}
        />
        <Share
          label="Validation"
          value={values.validation}
          onChange={(validation) => onChange({ validation })}
          error={textOf(problems.get('validation_rate'))}
        />
        {values.slice.by !== 'online' && (
          <Share
            label="Test"
            value={values.test}
            onChange={(test) => onChange({ test })}
            error={textOf(problems.get('test_rate'))}
          />
        )}
      </Group>
      {values.slice.by === 'online' && (
        <SmallPrint>
          {ONLINE_SPLITS[values.split]} Validation samples are never learnt: models are tested and compared on them.
        </SmallPrint>
      )}
      {proposal?.key && proposal.key.distinct > 0 && (
        <SmallPrint>
          {formatCount(proposal.key.distinct)} distinct keys in the sampled records
          {proposal.key.repeats !== null && `, about ${formatCount(Math.round(proposal.key.repeats))} records each`}
        </SmallPrint>
      )}
      {keyless && (
        <Alert
          color={followsKeys(values) ? 'yellow' : 'gray'}
          py={8}
          icon={<IconKeyOff size={16} aria-hidden />}
          title={keyless.title}
        >
          <Text size="sm">{keyless.text}</Text>
        </Alert>
      )}
      <Toggle
        size="sm"
        label="A sample is a window of several records with the same key"
        checked={window.on}
        onChange={(on) =>
          // Windows share records, so a random split would test them on what they were trained on.
          onChange({ window: { ...window, on }, ...(on && values.split === 'content' ? { split: 'time' } : {}) })
        }
      />
      {window.on && (
        <>
          <Group gap="sm" align="flex-start">
            {number('length', 'Records', 1)}
            {number('stride', 'Stride', 1)}
            {number('horizon', 'Label offset', 0)}
          </Group>
          {complete && (
            <Text size="xs" c="dimmed">
              A sample is {windowWords(window as { length: number; stride: number; horizon: number })}.
            </Text>
          )}
        </>
      )}
      <FieldError error={textOf(problems.get('window'))} />
    </Stack>
  )
}

function Share(props: {
  label: string
  value: number | string
  onChange: (share: number | string) => void
  error: string | undefined
}) {
  return <NumberField size="xs" w={110} min={0} max={0.9} step={0.05} {...props} />
}
