/** The deploy form: its values, which of them apply to a configuration, and the sentence about what will happen. */
import { writtenArguments } from '~/components/argumentCompletion'
import type {
  Argument,
  ArgumentTexts,
  Configuration,
  Deployment,
  DeploymentWriteRequest,
  Framework,
  ModeEnum,
  SplitEnum,
  TargetsEnum,
} from '~/lib/api'
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'
import { capital, formatExact, plural } from '~/lib/format'
import { unitsOf } from '~/lib/units'
import {
  type ChainValues,
  chainOptions,
  chainRequest,
  chainsIn,
  chainValuesOf,
  FIRST_CHAIN,
  saidOfChain,
} from './chain'
import {
  FIRST_INCREMENTAL,
  type IncrementalValues,
  incrementalRequest,
  incrementalValuesOf,
  promotionText,
  saidOf,
} from './incremental'
import {
  FIRST_SEMI_SUPERVISED,
  type SemiSupervisedValues,
  semiSupervisedRequest,
  semiSupervisedValuesOf,
} from './semiSupervised'

export type Purpose = keyof ArgumentTexts

export const PURPOSES: readonly Purpose[] = ['fit', 'evaluation']

export interface DeployValues {
  /** The number of samples per batch, or incomplete input. */
  batch_size: number | string
  /** The texts of arguments by framework; a missing framework has none. */
  arguments: Record<string, ArgumentTexts>
  confusion_matrix: boolean
  /** The rule of the split: 'content', 'time', or '' to follow the arguments. */
  split: string
  targets: string
  seed: number | string
  gpu: number | string
  mode: string
  /** Settings of the mode of the same name. */
  incremental: IncrementalValues
  semi_supervised: SemiSupervisedValues
  /** Training settings of distributed models, if there are any. */
  chain: ChainValues
  /** The data set to train on at once; null waits for an announced stream. */
  dataset: ChosenDataset | null
}

export interface ChosenDataset {
  id: number
  /** The number of the version; null for the newest. */
  version: number | null
}

/** The first values of the form. */
export function firstValues(frameworks: readonly Framework[]): DeployValues {
  return {
    batch_size: 32,
    arguments: Object.fromEntries(
      frameworks.map(({ name, arguments: { fit, evaluation } }) => [
        name,
        { fit: fit.first, evaluation: evaluation.first },
      ]),
    ),
    confusion_matrix: true,
    split: '',
    targets: 'labels',
    seed: 0,
    gpu: 0,
    mode: 'classic',
    incremental: FIRST_INCREMENTAL,
    semi_supervised: FIRST_SEMI_SUPERVISED,
    chain: FIRST_CHAIN,
    dataset: null,
  }
}

/** The text of a framework's arguments; empty when there is none. */
export function argumentText(from: Pick<DeployValues, 'arguments'>, framework: string, purpose: Purpose): string {
  return from.arguments[framework]?.[purpose] ?? ''
}

/** The title and description of each mode. A mode that a newer platform adds is shown by its own name. */
export const MODES: Record<string, { title: string; text: string }> = {
  classic: {
    title: 'Classic',
    text: 'every model trains on the whole data, each in its own run',
  },
  incremental: {
    title: 'Incremental',
    text: 'every model learns from the stream as it arrives, window by window; epochs are passes over each window',
  },
}

export const SPLITS: Record<string, string> = {
  '': 'as the arguments say',
  content: 'random samples',
  time: 'the newest samples',
}

export const TARGETS: Record<string, string> = {
  labels: 'the labels',
  features: 'the features (autoencoder)',
}

/** How the models of a framework split the samples: as chosen, or by time if the arguments say shuffle=False. */
export function splitOf(framework: string, values: DeployValues): 'content' | 'time' {
  if (values.split === 'content' || values.split === 'time') return values.split
  return writtenArguments(argumentText(values, framework, 'fit')).shuffle === 'False' ? 'time' : 'content'
}

/** One line that says which samples are tested on. */
export function splitSentence(values: DeployValues, frameworks: readonly Framework[]): string {
  const texts = {
    content: 'validation and test samples are random, the same ones each time',
    time: 'the newest samples test, those before them validate, and no later sample is used for training',
  }
  const chosen = new Set(frameworks.map(({ name }) => splitOf(name, values)))
  const reason = values.split === '' && chosen.has('time') ? ', because the arguments say shuffle=False' : ''
  const [only] = [...chosen]
  if (chosen.size === 1 && only) return `${capital(texts[only])}${reason}.`
  return `${frameworks.map(({ name, title }) => `${title}: ${texts[splitOf(name, values)]}`).join('; ')}${reason}.`
}

/** The form's values for repeating ``deployment``. */
export function valuesOf(deployment: Deployment): DeployValues {
  return {
    batch_size: deployment.batch_size,
    arguments: deployment.arguments,
    confusion_matrix: deployment.confusion_matrix,
    split: deployment.split ?? '',
    targets: deployment.targets,
    seed: deployment.seed,
    gpu: deployment.gpu,
    mode: deployment.mode,
    incremental: incrementalValuesOf(deployment.incremental),
    semi_supervised: semiSupervisedValuesOf(deployment.semi_supervised),
    chain: chainValuesOf(deployment.chain),
    dataset: deployment.dataset && { id: deployment.dataset.id, version: deployment.dataset.version },
  }
}

/** The frameworks of a configuration's models, in a fixed order. */
export function frameworksOf(
  configuration: Pick<Configuration, 'model_details'>,
  frameworks: readonly Framework[],
): Framework[] {
  return frameworks.filter(({ name }) => configuration.model_details.some((model) => model.framework === name))
}

/** The request. Empty arguments, and those of frameworks that no model uses, are left out. ``subModels`` are names. */
export function requestOf(
  configuration: number,
  values: DeployValues,
  frameworks: readonly string[],
  subModels: readonly string[] = [],
): DeploymentWriteRequest {
  const written = frameworks.map((framework) => {
    const texts = PURPOSES.map((purpose) => [purpose, argumentText(values, framework, purpose).trim()] as const)
    return [framework, Object.fromEntries(texts.filter(([, text]) => text))] as const
  })
  return {
    configuration,
    // An empty field is sent unchanged, because the API explains what it expects.
    batch_size: values.batch_size as number,
    arguments: Object.fromEntries(written.filter(([, texts]) => Object.keys(texts).length > 0)),
    confusion_matrix: values.confusion_matrix && values.targets !== 'features',
    // In a window random samples validate and none test. A data set has its own split.
    split: values.split && values.mode !== 'incremental' && !values.dataset ? (values.split as SplitEnum) : null,
    targets: values.targets as TargetsEnum,
    seed: values.seed as number,
    gpu: values.gpu as number,
    mode: values.mode as ModeEnum,
    ...(values.mode === 'incremental' ? { incremental: incrementalRequest(values.incremental) } : {}),
    // Drafts of older versions lack these values.
    ...(values.dataset ? { dataset: values.dataset.id, dataset_version: values.dataset.version } : {}),
    ...(values.semi_supervised?.on ? { semi_supervised: semiSupervisedRequest(values.semi_supervised) } : {}),
    ...(subModels.length > 0 ? { chain: chainRequest(values.chain ?? FIRST_CHAIN, subModels) } : {}),
  }
}

/** One sentence that says what *Deploy* will do. */
export function deploySentence(
  configuration: Pick<Configuration, 'model_details'>,
  values: DeployValues,
  frameworks: readonly Framework[],
  /** The chosen data set, such as 'version 2 of readings'. */
  dataset?: string,
): string {
  const models = unitsOf(configuration.model_details)
  const epochs = frameworks.map((framework) => {
    const count = epochsOf(framework, argumentText(values, framework.name, 'fit'))
    return `${count} ${count === '1' ? 'epoch' : 'epochs'}${frameworks.length > 1 ? ` with ${framework.title}` : ''}`
  })
  const one = models.length === 1
  const windows = values.mode === 'incremental' ? windowSentences(values.incremental) : null
  const parts = [
    windows
      ? `${plural(models.length, 'model')} ${one ? 'learns' : 'learn'} from ${dataset ?? 'the stream that you announce to this deployment'}, ` +
        `as it arrives, ${windows.size}`
      : `${plural(models.length, 'model')} ${one ? 'trains' : 'train'} on ${dataset ?? 'the stream that you announce to this deployment'}`,
    `${one ? 'in one run' : 'one run each'}, ${epochs.join(' and ')}${windows ? ' over each window' : ''}, in batches of ${values.batch_size || '?'}`,
  ]
  const gpus = Number(values.gpu)
  const extras = [
    gpus > 0 ? `on ${plural(gpus, 'GPU')} each` : '',
    values.targets === 'features'
      ? 'and learns to reproduce its input'
      : values.confusion_matrix
        ? `and a confusion matrix is computed on ${windows ? 'the validation samples' : 'the test samples'}`
        : '',
  ].filter(Boolean)
  const together = chainsIn(configuration).map(
    (chain) => `${chain.map(({ name }) => name).join(' → ')} train together, each with its own result`,
  )
  const sentences = [[parts.join(': '), ...extras].join(', '), ...together, ...(windows?.more ?? [])]
  return `${sentences.join('. ')}. ${dataset ? 'Training starts at once' : 'Nothing runs until a stream is announced'}.`
}

/** The sentences about windows. Incomplete input is shown as '?'. */
function windowSentences(values: IncrementalValues): { size: string; more: readonly string[] } {
  const { monitoring_metric, change, improvement } = values
  return {
    size: `in windows of at most ${formatExact(Number(values.window_records))} records or ${values.message_poll_timeout || '?'} s`,
    more: [
      values.indefinite
        ? 'It runs until somebody stops it'
        : `It ends ${values.stream_timeout || '?'} s after the last record`,
      `A version is created ${promotionText({ monitoring_metric, change: change || null, improvement: Number(improvement) })}`,
    ],
  }
}

/** The number of epochs as written, or '1'. */
export function epochsOf(framework: Framework, text: string): string {
  const written = writtenArguments(text)
  const names = Object.entries(framework.arguments.fit.accepted)
    .filter(([name, argument]) => sharedName(name, argument) === 'epochs')
    .map(([name]) => name)
  return names.map((name) => written[name]).find((value) => value !== undefined) ?? '1'
}

/** The common name of an argument when runs of several frameworks are compared: 20 max_epochs are 20 epochs. */
export function sharedName(name: string, argument: Argument | undefined): string {
  return argument?.known_as || name
}

/** The deployment as a command, as Python and as curl. */
export function deployEquivalents(request: DeploymentWriteRequest): Equivalents {
  const { mode: _mode, arguments: given = {}, incremental, semi_supervised: semi, chain, ...said } = request
  const texts = Object.entries(given).flatMap(([framework, purposes]) =>
    Object.entries(purposes).map(([purpose, text]) => [framework, purpose, text] as const),
  )
  const learning = incremental ? saidOf(incremental) : null
  const exits = chain ? saidOfChain(chain) : []
  const options = [
    `--batch-size ${request.batch_size}`,
    ...texts.map(([framework, purpose, text]) => `--${framework}-${purpose} ${shellQuote(text)}`),
    ...(request.confusion_matrix ? ['--confusion-matrix'] : []),
    ...(request.split ? [`--split ${request.split}`] : []),
    ...(request.targets === 'features' ? ['--targets features'] : []),
    ...(request.seed ? [`--seed ${request.seed}`] : []),
    ...(request.gpu ? [`--gpu ${request.gpu}`] : []),
    ...(request.dataset ? [`--dataset ${request.dataset}`] : []),
    ...(request.dataset_version ? [`--dataset-version ${request.dataset_version}`] : []),
    ...(learning ? ['--incremental', ...learning.map(optionOf)] : []),
    ...(semi ? ['--semi-supervised', ...Object.entries(semi).map(optionOf)] : []),
    ...chainOptions(exits).map(optionOf),
  ]
  // Values that equal the defaults are left out.
  const values = Object.fromEntries([
    ...Object.entries(said).filter(([, value]) => value !== false && value !== null && value !== 'labels'),
    ...texts.map(([framework, purpose, text]) => [`${framework}_${purpose}_arguments`, text]),
    ...(learning ? [['incremental', Object.fromEntries(learning)] as const] : []),
    ...(semi ? [['semi_supervised', semi] as const] : []),
    ...(exits.length > 0 ? [['chain', Object.fromEntries(exits)] as const] : []),
  ])
  return {
    cli: [`kafka-ml deployments create ${request.configuration}`, ...options].join(' \\\n  '),
    python: pythonCall('deployment = client.deployments.create', values),
    curl: curlCall('POST', '/api/deployments/', request),
  }
}

function optionOf([name, value]: readonly [string, unknown]): string {
  return value === true ? `--${name}` : `--${name.replaceAll('_', '-')} ${shellQuote(String(value))}`
}
