/** Starting a canary or a shadow, or changing the canary that runs. */
import { Checkbox, Group, NumberInput, Select, Stack, Switch, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { CopyAs } from '~/components/CopyAs'
import { Dimmed } from '~/components/Dimmed'
import { FormDialog } from '~/components/FormDialog'
import { ProblemAlert } from '~/components/ProblemAlert'
import { type Inference, inferencesCanaryCreate, inferencesShadowCreate } from '~/lib/api'
import {
  type ChallengeForm,
  canaryRequest,
  challengeEquivalents,
  challengeFormOf,
  checkChallenge,
  type Kind,
  ruleOf,
  ruleText,
  shadowRequest,
} from './challenge'
import { useOtherVersions } from './useOtherVersions'

const METRICS = [
  { value: 'agreement', label: 'How often both answer the same' },
  { value: 'accuracy', label: 'How often each is right' },
]

export function ChallengeDialog({
  inference,
  kind,
  onClose,
  onDone,
}: {
  inference: Inference
  kind: Kind
  onClose: () => void
  onDone: () => void
}) {
  const changes = inference.challenger !== null
  const form = useForm<ChallengeForm>({
    initialValues: challengeFormOf(inference),
    validate: (values) => checkChallenge(values, kind),
  })
  const { values } = form
  const { choices, placeholder, query } = useOtherVersions(inference)
  const save = async (given: ChallengeForm) => {
    const path = { id: String(inference.id) }
    if (kind === 'canary') {
      await inferencesCanaryCreate({ path, body: canaryRequest(given), throwOnError: true })
      return `Version ${given.version} answers ${given.share}% of the keys of inference ${inference.id}`
    }
    const { data } = await inferencesShadowCreate({ path, body: shadowRequest(given), throwOnError: true })
    return `Inference ${data.id} shadows inference ${inference.id}`
  }
  return (
    <FormDialog
      title={changes ? 'Change the canary' : kind === 'canary' ? 'Start a canary' : 'Start a shadow'}
      submit={changes ? 'Change it' : 'Start it'}
      size="lg"
      form={form}
      onClose={onClose}
      onDone={onDone}
      onSave={save}
      note={
        <>
          <Dimmed>{consequence(inference, kind, values)}</Dimmed>
          <div>
            <CopyAs equivalents={challengeEquivalents(inference.id, kind, values)} />
          </div>
        </>
      }
    >
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      <Select
        label="Version"
        description={`To compare with version ${inference.version}, which answers now`}
        placeholder={placeholder}
        data={choices}
        withAsterisk
        allowDeselect={false}
        data-autofocus
        {...form.getInputProps('version')}
      />
      {kind === 'canary' ? (
        <>
          <NumberInput
            label="Share of keys"
            description="All records of one key are answered by the same version, always"
            suffix="%"
            w={260}
            min={0.1}
            max={100}
            step={5}
            decimalScale={1}
            {...form.getInputProps('share')}
          />
          <Checkbox
            label="Refuse an input without keys"
            description="Records without a key are shared out one by one, so those of one sender may be answered by both versions. Tick this if that must not be."
            {...form.getInputProps('keyed', { type: 'checkbox' })}
          />
        </>
      ) : (
        <TextInput
          label="Topic of its answers"
          description="For you to look at; whoever reads the answers now goes on doing so"
          placeholder={`${inference.output_topic}.shadow-1, or the next number that is free`}
          autoComplete="off"
          {...form.getInputProps('output_topic')}
        />
      )}
      <Checkbox
        label="The keys of records are the right answers"
        description="As in a test with known labels, read as the labels in training were: then it is counted how often each version is right"
        {...form.getInputProps('labelled', { type: 'checkbox' })}
      />
      <Switch
        label="Promote or drop it by a rule"
        description="Otherwise a person does, here"
        {...form.getInputProps('decides', { type: 'checkbox' })}
        error={form.errors.rule}
      />
      {values.decides && (
        <Stack gap="xs" pl="xl">
          <Select
            label="What counts"
            data={METRICS}
            allowDeselect={false}
            w={300}
            maw="100%"
            {...form.getInputProps('rule.metric')}
            onChange={(metric) => {
              form.setFieldValue('rule.metric', metric as ChallengeForm['rule']['metric'])
              form.setFieldValue('rule.at_least', metric === 'accuracy' ? 1 : 95)
            }}
          />
          <Group gap="md" align="flex-start">
            <NumberInput
              label={values.rule.metric === 'accuracy' ? 'Right for more, by at least' : 'The same, for at least'}
              description="Of the records"
              suffix="%"
              w={190}
              decimalScale={2}
              {...form.getInputProps('rule.at_least')}
            />
            <NumberInput
              label="Decide after"
              description="So many records, once"
              suffix={values.rule.metric === 'accuracy' ? ' labelled records' : ' records'}
              thousandSeparator=","
              min={1}
              w={190}
              allowDecimal={false}
              {...form.getInputProps('rule.records')}
            />
          </Group>
        </Stack>
      )}
    </FormDialog>
  )
}

/** What will happen, in one sentence or two. */
function consequence(inference: Inference, kind: Kind, form: ChallengeForm): string {
  if (form.version === null) return 'Choose the version that is to prove itself.'
  const what =
    kind === 'canary'
      ? `Version ${form.version} answers ${form.share}% of the keys of ${inference.input_topic}, version ${inference.version} all others and whatever ${form.version} cannot answer.`
      : `An inference of its own lets version ${form.version} answer all of ${inference.input_topic} into another topic. Both versions work there, so it needs about twice as much of the machine as this one.`
  const decided =
    form.decides && Object.keys(checkChallenge(form, kind)).length === 0
      ? ruleText(ruleOf(form), form.version)
      : 'It goes on until you promote or drop it.'
  return `${what} ${decided}`
}
