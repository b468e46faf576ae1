/** The deploy form: its values, which of them count for a configuration, and the sentence that says what will happen. */
import { writtenArguments } from '~/components/argumentCompletion'
import type {
  Configuration,
  Deployment,
  DeploymentWriteRequest,
  FrameworkEnum,
  ModeEnum,
  SplitEnum,
  TargetsEnum,
} from '~/lib/api'
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'
import { plural } from '~/lib/format'

export interface DeployValues {
  /** A number, or what is typed on the way to one. */
  batch_size: number | string
  tensorflow_fit_arguments: string
  tensorflow_evaluation_arguments: string
  pytorch_fit_arguments: string
  pytorch_evaluation_arguments: string
  confusion_matrix: boolean
  /** 'content', 'time', or '' for what the arguments say. */
  split: string
  targets: string
  seed: number | string
  gpu: number | string
  mode: string
}

export const FIRST_VALUES: DeployValues = {
  batch_size: 32,
  tensorflow_fit_arguments: 'epochs=10, shuffle=True',
  tensorflow_evaluation_arguments: '',
  pytorch_fit_arguments: 'max_epochs=10, shuffle=True',
  pytorch_evaluation_arguments: '',
  confusion_matrix: true,
  split: '',
  targets: 'labels',
  seed: 0,
  gpu: 0,
  mode: 'classic',
}

export const FRAMEWORK_NAMES: Record<FrameworkEnum, string> = { tensorflow: 'TensorFlow', pytorch: 'PyTorch' }

/** How a mode is called and what it does; one that a newer platform has goes by its own name. */
export const MODES: Record<string, { title: string; text: string }> = {
  classic: {
    title: 'Classic',
    text: 'every model trains by itself on the whole announced stream, each in a run of its own',
  },
  incremental: { title: 'Incremental', text: 'training goes on as data come, on a stream without end' },
  distributed: { title: 'Distributed', text: 'the parts of a model train together and are served on different tiers' },
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

/** How a framework's models split the samples: as chosen, or by time where its arguments say shuffle=False. */
export function splitOf(framework: FrameworkEnum, values: DeployValues): 'content' | 'time' {
  if (values.split === 'content' || values.split === 'time') return values.split
  return writtenArguments(values[`${framework}_fit_arguments`]).shuffle === 'False' ? 'time' : 'content'
}

/** One line about which samples test. */
export function splitSentence(values: DeployValues, frameworks: readonly FrameworkEnum[]): string {
  const texts = {
    content: 'random samples validate and test, the same ones each time',
    time: 'the newest samples test, those before them validate, and no later sample trains',
  }
  const chosen = new Set(frameworks.map((framework) => splitOf(framework, values)))
  const reason = values.split === '' && chosen.has('time') ? ', because the arguments say shuffle=False' : ''
  const [only] = [...chosen]
  if (chosen.size === 1 && only) return `${texts[only][0]?.toUpperCase()}${texts[only].slice(1)}${reason}.`
  return `${frameworks
    .map((framework) => `${FRAMEWORK_NAMES[framework]}: ${texts[splitOf(framework, values)]}`)
    .join('; ')}${reason}.`
}

/** What the form begins with to do again what ``deployment`` did. */
export function valuesOf(deployment: Deployment): DeployValues {
  return {
    batch_size: deployment.batch_size,
    tensorflow_fit_arguments: deployment.tensorflow_fit_arguments,
    tensorflow_evaluation_arguments: deployment.tensorflow_evaluation_arguments,
    pytorch_fit_arguments: deployment.pytorch_fit_arguments,
    pytorch_evaluation_arguments: deployment.pytorch_evaluation_arguments,
    confusion_matrix: deployment.confusion_matrix,
    split: deployment.split ?? '',
    targets: deployment.targets,
    seed: deployment.seed,
    gpu: deployment.gpu,
    mode: deployment.mode,
  }
}

/** The frameworks of a configuration's models, in a fixed order. */
export function frameworksOf(configuration: Pick<Configuration, 'model_details'>): FrameworkEnum[] {
  return (['tensorflow', 'pytorch'] as const).filter((framework) =>
    configuration.model_details.some((model) => model.framework === framework),
  )
}

/** What is sent: arguments of frameworks that are not there are left out. */
export function requestOf(
  configuration: number,
  values: DeployValues,
  frameworks: readonly FrameworkEnum[],
): DeploymentWriteRequest {
  const of = (framework: FrameworkEnum, text: string) => (frameworks.includes(framework) ? text.trim() : '')
  return {
    configuration,
    // An empty field is sent as it is: the API says what it expects.
    batch_size: values.batch_size as number,
    tensorflow_fit_arguments: of('tensorflow', values.tensorflow_fit_arguments),
    tensorflow_evaluation_arguments: of('tensorflow', values.tensorflow_evaluation_arguments),
    pytorch_fit_arguments: of('pytorch', values.pytorch_fit_arguments),
    pytorch_evaluation_arguments: of('pytorch', values.pytorch_evaluation_arguments),
    confusion_matrix: values.confusion_matrix && values.targets !== 'features',
    split: values.split ? (values.split as SplitEnum) : null,
    targets: values.targets as TargetsEnum,
    seed: values.seed as number,
    gpu: values.gpu as number,
    mode: values.mode as ModeEnum,
  }
}

/** One sentence about what *Deploy* will do. */
export function deploySentence(configuration: Pick<Configuration, 'model_details'>, values: DeployValues): string {
  const models = configuration.model_details
  const frameworks = frameworksOf(configuration)
  const epochs = frameworks.map((framework) => {
    const count = epochsOf(framework, values[`${framework}_fit_arguments`])
    return `${count} ${count === '1' ? 'epoch' : 'epochs'}${frameworks.length > 1 ? ` with ${FRAMEWORK_NAMES[framework]}` : ''}`
  })
  const one = models.length === 1
  const parts = [
    `${plural(models.length, 'model')} ${one ? 'trains' : 'train'} on the stream that you announce to this deployment`,
    `${one ? 'in one run' : 'one run each'}, ${epochs.join(' and ')}, in batches of ${values.batch_size || '?'}`,
  ]
  const gpus = Number(values.gpu)
  const extras = [
    gpus > 0 ? `on ${plural(gpus, 'GPU')} each` : '',
    values.targets === 'features'
      ? 'and learns to give back its input'
      : values.confusion_matrix
        ? 'and the test samples fill a confusion matrix'
        : '',
  ].filter(Boolean)
  return `${[parts.join(': '), ...extras].join(', ')}. Until a stream is announced, nothing runs.`
}

/** The number of epochs as it is written, '1' without any. */
export function epochsOf(framework: FrameworkEnum, text: string): string {
  const written = writtenArguments(text)
  return (framework === 'pytorch' ? written.max_epochs : undefined) ?? written.epochs ?? '1'
}

/** The same deployment as a command, as Python, as curl. */
export function deployEquivalents(request: DeploymentWriteRequest): Equivalents {
  const texts: [string, string | undefined][] = [
    ['--tensorflow-fit', request.tensorflow_fit_arguments],
    ['--tensorflow-evaluation', request.tensorflow_evaluation_arguments],
    ['--pytorch-fit', request.pytorch_fit_arguments],
    ['--pytorch-evaluation', request.pytorch_evaluation_arguments],
  ]
  const options = [
    `--batch-size ${request.batch_size}`,
    ...texts.flatMap(([option, text]) => (text ? [`${option} ${shellQuote(text)}`] : [])),
    ...(request.confusion_matrix ? ['--confusion-matrix'] : []),
    ...(request.split ? [`--split ${request.split}`] : []),
    ...(request.targets === 'features' ? ['--targets features'] : []),
    ...(request.seed ? [`--seed ${request.seed}`] : []),
    ...(request.gpu ? [`--gpu ${request.gpu}`] : []),
  ]
  // Neither has an option for the only mode that there is; what is empty or false need not be said.
  const { mode: _mode, ...said } = request
  const values = Object.fromEntries(
    Object.entries(said).filter(([, value]) => value !== '' && value !== false && value !== null && value !== 'labels'),
  )
  return {
    cli: [`kafka-ml deployments create ${request.configuration}`, ...options].join(' \\\n  '),
    python: pythonCall('deployment = client.deployments.create', values),
    curl: curlCall('POST', '/api/deployments/', request),
  }
}
