/** Starts a canary or a shadow, or changes the running canary. */
import { Checkbox, Group, Select, Stack, Switch, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { CopyAs } from '~/components/CopyAs'
import { Dimmed } from '~/components/Dimmed'
import { FormDialog } from '~/components/FormDialog'
import { NumberField } from '~/components/NumberField'
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
import { startText } from './deploy'
import { StartField } from './StartField'
import { useOtherVersions } from './useOtherVersions'

const METRICS = [
  { value: 'agreement', label: 'Share of equal predictions' },
  { value: 'accuracy', label: 'Accuracy of each' },
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
      submit={changes ? 'Save' : 'Start'}
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
        description={`To compare with version ${inference.version}, which is served now`}
        placeholder={placeholder}
        data={choices}
        withAsterisk
        allowDeselect={false}
        data-autofocus
        {...form.getInputProps('version')}
      />
      {kind === 'canary' ? (
        <>
          <NumberField
            label="Share of keys"
            description="All records with the same key go to the same version, always"
            suffix="%"
            w={260}
            min={0.1}
            max={100}
            step={5}
            decimalScale={1}
            {...form.getInputProps('share')}
          />
          <Checkbox
            label="Require keys"
            description="Records without a key are split one by one, so both versions may answer records from the same sender. Tick this to refuse an input topic without keys."
            {...form.getInputProps('keyed', { type: 'checkbox' })}
          />
        </>
      ) : (
        <>
          <TextInput
            label="Topic for its predictions"
            description="For comparison only; readers of the output topic are not affected"
            placeholder={`${inference.output_topic}.shadow-1, or the next free number`}
            autoComplete="off"
            {...form.getInputProps('output_topic')}
          />
          <StartField {...form.getInputProps('start')} />
        </>
      )}
      <Checkbox
        label="Record keys are the correct labels"
        description="As in a test with known labels, decoded as in training. The accuracy of each version is then counted"
        {...form.getInputProps('labelled', { type: 'checkbox' })}
      />
      <Switch
        label="Promote or drop it automatically"
        description="Otherwise somebody decides on this page"
        {...form.getInputProps('decides', { type: 'checkbox' })}
        error={form.errors.rule}
      />
      {values.decides && (
        <Stack gap="xs" pl="xl">
          <Select
            label="Criterion"
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
            <NumberField
              label={values.rule.metric === 'accuracy' ? 'More accurate by at least' : 'Equal for at least'}
              description="Of all records"
              suffix="%"
              w={190}
              decimalScale={2}
              {...form.getInputProps('rule.at_least')}
            />
            <NumberField
              label="Decide after"
              description="Number of records"
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

/** Says in one or two sentences what the button will do. */
function consequence(inference: Inference, kind: Kind, form: ChallengeForm): string {
  if (form.version === null) return 'Choose the version to test.'
  const what =
    kind === 'canary'
      ? `Version ${form.version} answers ${form.share}% of the keys of ${inference.input_topic}, version ${inference.version} answers all others, and those that ${form.version} cannot answer.`
      : `A second inference answers the records of ${inference.input_topic}, ${startText(form.start)}, with version ${form.version}, into another topic. Both versions run, so it needs about twice the resources of this one.`
  const decided =
    form.decides && Object.keys(checkChallenge(form, kind)).length === 0
      ? ruleText(ruleOf(form), form.version)
      : 'It continues until you promote or drop it.'
  return `${what} ${decided}`
}
