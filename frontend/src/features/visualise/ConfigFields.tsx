/** The configuration of the view as a form. It has no state of its own: it shows the JSON text next to it. */

import {
  ActionIcon,
  Box,
  Button,
  ColorInput,
  Group,
  SegmentedControl,
  Stack,
  Table,
  Text,
  TextInput,
} from '@mantine/core'
import { IconPlus, IconTrash, IconWand } from '@tabler/icons-react'
import { SmallPrint } from '~/components/Dimmed'
import { FieldError } from '~/components/FieldError'
import { NumberField } from '~/components/NumberField'
import { Toggle } from '~/components/Toggle'
import { type ConfigForm, type ConfigProblem, DEFAULT_WINDOW, type LabelRow } from './config'
import { labelColor } from './labels'

/** The most labels shown as rows; more are edited as text. */
const MAX_ROWS = 100

interface Props {
  form: ConfigForm
  problems: readonly ConfigProblem[]
  disabled: boolean
  onChange: (form: ConfigForm) => void
  onSuggest: (type: ConfigForm['type']) => void
}

export function ConfigFields(props: Props) {
  const { form, disabled, onChange, onSuggest } = props
  const errorOf = errorsOf(props.problems)
  const change = (part: Partial<ConfigForm>) => onChange({ ...form, ...part })
  return (
    <Stack gap="md">
      <Box>
        <Text size="sm" fw={500} mb={4}>
          Type of predictions
        </Text>
        <SegmentedControl
          aria-label="Type of predictions"
          disabled={disabled}
          data={[
            { value: 'classification', label: 'Classes' },
            { value: 'regression', label: 'Values' },
          ]}
          value={form.type}
          onChange={(type) => change({ type: type as ConfigForm['type'] })}
        />
      </Box>
      {form.type === 'classification' && (
        <Group align="flex-start" gap="lg">
          <NumberField
            size="xs"
            w={200}
            label="Average over (ms)"
            description="Time window for counts and averages"
            min={1}
            max={86_400_000}
            step={1000}
            disabled={disabled}
            value={form.average_window ?? ''}
            error={errorOf('average_window')}
            onChange={(value) => change({ average_window: numberOf(value) ?? DEFAULT_WINDOW })}
          />
          <Toggle
            mt={4}
            size="sm"
            label="Current class by average"
            description="Shows the class with the highest average in the window. Off: the class of the last prediction"
            disabled={disabled}
            checked={form.average_updated}
            error={errorOf('average_updated')}
            onChange={(on) => change({ average_updated: on })}
          />
        </Group>
      )}
      <MapFields {...props} />
      <Box>
        <Group justify="space-between" mb={4}>
          <Text size="sm" fw={500}>
            Labels
          </Text>
          <Button
            size="compact-xs"
            variant="subtle"
            disabled={disabled}
            leftSection={<IconWand size={14} aria-hidden />}
            onClick={() => onSuggest(form.type)}
          >
            Fill in from the model
          </Button>
        </Group>
        <Text size="xs" c="dimmed" mb={4}>
          The id is the position of the class or value in the model's output, from 0.
        </Text>
        <FieldError error={errorOf('labels')} />
        <LabelRows {...props} />
      </Box>
    </Stack>
  )
}

function LabelRows({ form, problems, disabled, onChange }: Props) {
  const errorOf = errorsOf(problems)
  const change = (index: number, part: Partial<LabelRow>) =>
    onChange({ ...form, labels: form.labels.map((label, place) => (place === index ? { ...label, ...part } : label)) })
  return (
    <Stack gap={6}>
      {form.labels.length > MAX_ROWS && (
        <SmallPrint>
          The first {MAX_ROWS} of {form.labels.length} labels; the others are in the JSON on the right.
        </SmallPrint>
      )}
      {form.labels.length > 0 && (
        <Table verticalSpacing={3} horizontalSpacing={4} withRowBorders={false} layout="fixed">
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={72}>Id</Table.Th>
              <Table.Th>Label</Table.Th>
              <Table.Th w={128}>Colour</Table.Th>
              <Table.Td w={36} />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {form.labels.slice(0, MAX_ROWS).map((row, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity but their place; ids may repeat while typing
              <Table.Tr key={index} style={{ verticalAlign: 'top' }}>
                <Table.Td>
                  <NumberField
                    size="xs"
                    hideControls
                    aria-label={`Id of label ${index + 1}`}
                    min={0}
                    disabled={disabled}
                    value={row.id ?? ''}
                    error={errorOf(`labels.${index}.id`)}
                    onChange={(value) => change(index, { id: numberOf(value) })}
                  />
                </Table.Td>
                <Table.Td>
                  <TextInput
                    size="xs"
                    aria-label={`Label ${index + 1}`}
                    disabled={disabled}
                    value={row.label}
                    error={errorOf(`labels.${index}.label`)}
                    onChange={(event) => change(index, { label: event.currentTarget.value })}
                  />
                </Table.Td>
                <Table.Td>
                  <ColorInput
                    size="xs"
                    aria-label={`Colour of label ${index + 1}`}
                    format="hex"
                    withEyeDropper={false}
                    placeholder="automatic"
                    disabled={disabled}
                    value={row.color}
                    error={errorOf(`labels.${index}.color`)}
                    onChange={(color) => change(index, { color })}
                  />
                </Table.Td>
                <Table.Td>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    size="md"
                    aria-label={`Remove label ${index + 1}`}
                    disabled={disabled}
                    onClick={() => onChange({ ...form, labels: form.labels.filter((_, place) => place !== index) })}
                  >
                    <IconTrash size={14} aria-hidden />
                  </ActionIcon>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Group>
        <Button
          size="compact-xs"
          variant="default"
          disabled={disabled || form.labels.length >= 1000}
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => onChange({ ...form, labels: [...form.labels, nextLabel(form)] })}
        >
          Add a label
        </Button>
      </Group>
    </Stack>
  )
}

function MapFields({ form, problems, disabled, onChange }: Props) {
  const errorOf = errorsOf(problems)
  const { map } = form
  const change = (part: Partial<NonNullable<ConfigForm['map']>>) =>
    onChange({ ...form, map: { source: 'output', latitude: 0, longitude: 1, ...map, ...part } })
  return (
    <Stack gap={6}>
      <Toggle
        size="sm"
        label="Show on a map"
        description="If outputs or inputs contain a latitude and a longitude, in degrees"
        disabled={disabled}
        checked={map !== null}
        error={errorOf('map')}
        onChange={(on) => (on ? change({}) : onChange({ ...form, map: null }))}
      />
      {map && (
        <Group align="flex-start" gap="sm">
          <Box>
            <Text size="xs" fw={500} mb={2}>
              Coordinates in the
            </Text>
            <SegmentedControl
              aria-label="Coordinates are in the"
              disabled={disabled}
              data={[
                { value: 'output', label: 'Outputs' },
                { value: 'input', label: 'Inputs' },
              ]}
              value={map.source}
              onChange={(source) => change({ source: source as 'input' | 'output' })}
            />
          </Box>
          {(['latitude', 'longitude'] as const).map((name) => (
            <NumberField
              key={name}
              size="xs"
              w={150}
              label={`Position of the ${name}`}
              min={0}
              max={65_535}
              disabled={disabled}
              value={map[name] ?? ''}
              error={errorOf(`map.${name}`)}
              onChange={(value) => change({ [name]: numberOf(value) })}
            />
          ))}
        </Group>
      )}
    </Stack>
  )
}

/** The first error of a field, without the field's name in front. */
function errorsOf(problems: readonly ConfigProblem[]): (path: string) => string | undefined {
  return (path) => problems.find((problem) => problem.path === path)?.message.replace(/^\w+: /, '')
}

function nextLabel(form: ConfigForm): LabelRow {
  const id = form.labels.reduce((most, label) => Math.max(most, (label.id ?? -1) + 1), 0)
  return { id, label: `${form.type === 'regression' ? 'Output' : 'Class'} ${id}`, color: labelColor(id) }
}

function numberOf(value: number | string): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
