/**
 * Complete programs that send a stream to a deployment. Each runs as it is, with made-up samples that fit the model.
 */
import { pythonLiteral, shellQuote } from '~/lib/equivalents'

export const SINK_FORMATS = ['RAW', 'JSON', 'AVRO', 'CLI'] as const
export type SinkFormat = (typeof SINK_FORMATS)[number]

export const DEFAULT_CONTROL_TOPIC = 'KAFKA_ML_CONTROL_TOPIC'

export interface SinkSettings {
  deploymentId: number
  bootstrapServers: string
  controlTopic: string
  topic: string
  validationRate: number
  /** Share of test samples; 0 for a stream without end, which has none. */
  testRate: number
  /**
   * Whether the stream has no end, for incremental training. It is announced before its first sample, which is learnt
   * at once.
   */
  online: boolean
  /** Whether samples without labels are sent too, to a topic of their own. */
  semiSupervised: boolean
  /** The shape of one sample as the model takes it, with 1 for unknown sizes. */
  sampleShape: readonly number[]
  /** How many classes the made-up labels have; 0 for labels that are numbers. */
  classes: number
}

/** The program that sends samples in ``format``, or the command for the format CLI. */
export function sinkSnippet(format: SinkFormat, settings: SinkSettings): string {
  if (format === 'CLI') return command(settings)
  const { online } = settings
  const sink = `${online ? 'Online' : ''}${{ RAW: 'RawSink', JSON: 'JsonSink', AVRO: 'AvroSink' }[format]}`
  return [
    'import numpy as np',
    `from datasources import ${sink}`,
    '',
    ...samples(settings),
    '',
    ...(format === 'AVRO' ? schemas(settings) : []),
    `with ${sink}(`,
    ...sinkArguments(settings).map(([name, value]) => `    ${name}=${pythonLiteral(value)},`),
    ...(format === 'AVRO' ? avroArguments(settings) : []),
    ') as sink:',
    ...(format === 'AVRO' ? avroLoop() : online ? onlineLoop() : ['    sink.send_array(features, labels)']),
    ...(settings.semiSupervised ? unlabelledLines(format) : []),
    online
      ? '# The stream is announced with its first sample. More can follow at any time, also from other programs.'
      : '# Leaving the block waits for Kafka, then announces the stream: training begins.',
  ].join('\n')
}

function samples({ sampleShape, classes, semiSupervised }: SinkSettings): string[] {
  const shape = ['count', ...sampleShape].join(', ')
  const comma = sampleShape.length === 0 ? ',' : ''
  return [
    '# Put your own samples here: one along the first axis for each label.',
    'count = 1000',
    'random = np.random.default_rng(0)',
    `features = random.random((${shape}${comma})).astype("float32")`,
    classes > 0 ? `labels = random.integers(0, ${classes}, count)` : 'labels = random.random(count).astype("float32")',
    ...(semiSupervised
      ? [
          '# Samples without labels: the model learns those whose class it predicts with confidence.',
          `unlabelled = random.random((${shape}${comma})).astype("float32")`,
        ]
      : []),
  ]
}

function sinkArguments(settings: SinkSettings): [string, unknown][] {
  return [
    ['bootstrap_servers', settings.bootstrapServers],
    ['topic', settings.topic],
    ...(settings.semiSupervised ? [['unsupervised_topic', unlabelledTopic(settings)] satisfies [string, unknown]] : []),
    ['deployment_id', settings.deploymentId],
    ['validation_rate', settings.validationRate],
    ...(settings.online ? [] : [['test_rate', settings.testRate] satisfies [string, unknown]]),
    ...(settings.controlTopic === DEFAULT_CONTROL_TOPIC
      ? []
      : [['control_topic', settings.controlTopic] satisfies [string, unknown]]),
  ]
}

function schemas({ classes }: SinkSettings): string[] {
  const type = classes > 0 ? 'int' : 'float'
  return [
    'data_scheme = {"type": "record", "name": "Sample", "fields": [',
    '    {"name": "values", "type": {"type": "array", "items": "float"}},',
    ']}',
    `label_scheme = {"type": "record", "name": "Label", "fields": [{"name": "label", "type": "${type}"}]}`,
    '',
  ]
}

function avroArguments({ sampleShape }: SinkSettings): string[] {
  return [
    '    data_scheme=data_scheme,',
    '    label_scheme=label_scheme,',
    // Avro knows only lists of numbers, so the shape is given in addition to the schema.
    ...(sampleShape.length > 1 ? [`    data_reshape=${pythonLiteral(sampleShape.join(' '))},`] : []),
  ]
}

function onlineLoop(): string[] {
  return ['    for sample, label in zip(features, labels):', '        sink.send(sample, label)']
}

function avroLoop(): string[] {
  return [
    '    for sample, label in zip(features, labels):',
    '        sink.send({"values": sample.ravel().tolist()}, {"label": label.item()})',
  ]
}

/** The lines that send the samples without labels. */
function unlabelledLines(format: SinkFormat): string[] {
  if (format === 'RAW') return ['    sink.unsupervised_send_array(unlabelled)']
  const sample = format === 'AVRO' ? '{"values": sample.ravel().tolist()}' : 'sample'
  return ['    for sample in unlabelled:', `        sink.unsupervised_send(${sample})`]
}

/** The topic of samples without labels, as ``kafka-ml send`` names it. */
function unlabelledTopic({ topic }: SinkSettings): string {
  return `${topic}-unlabelled`
}

function command(settings: SinkSettings): string {
  const { deploymentId, topic, validationRate, testRate, online, semiSupervised } = settings
  return [
    '# samples.npz holds the arrays features and labels; CSV, Parquet and JSON files do as well.',
    ...(semiSupervised ? ['# unlabelled.npz holds the array features: more samples, without labels.'] : []),
    `kafka-ml send samples.npz --deployment ${deploymentId} --topic ${shellQuote(topic)} \\`,
    ...(semiSupervised
      ? [`  --unlabelled unlabelled.npz --unlabelled-topic ${shellQuote(unlabelledTopic(settings))} \\`]
      : []),
    online
      ? `  --online --validation-rate ${validationRate}`
      : `  --validation-rate ${validationRate} --test-rate ${testRate}`,
  ].join('\n')
}
