/** The way from nothing to live predictions in six steps: what is done, where to do it, and its command. */
import type { Pipeline } from '~/lib/api'
import { shellQuote } from '~/lib/equivalents'

export interface Step {
  key: 'model' | 'group' | 'deploy' | 'send' | 'serve' | 'watch'
  title: string
  /** The title in one word, for narrow windows. */
  word: string
  /** The purpose of the step, in one sentence. */
  why: string
  done: boolean
  /** The column of the picture in which the step's box will appear. */
  column: number
  action: string
  to: string
  search?: Record<string, number | number[]>
  command: string
  /** Why the step cannot be done yet. */
  blocked?: string
}

export function checklist({ facts, nodes, edges }: Pick<Pipeline, 'facts' | 'nodes' | 'edges'>): Step[] {
  const { model, configuration, deployment, result, inference } = facts
  // Topics that a lower tier of a chain writes; users do not send samples to them.
  const upper = new Set(edges.filter(({ kind }) => kind === 'upper').map(({ target }) => target))
  const written = new Set(
    edges.filter(({ kind, target }) => kind === 'reads' && upper.has(target)).map(({ source }) => source),
  )
  const input = nodes.find((node) => node.kind === 'topic' && !written.has(node.key))?.name ?? 'values'
  const output = nodes.find((node) => node.kind === 'output')?.name ?? 'predictions'
  return [
    {
      key: 'model',
      title: 'Paste a model',
      word: 'Paste a model',
      why: 'Code that defines a network. It is checked at once and shown as layers, shapes and parameters.',
      done: model !== null,
      column: 1,
      action: 'New model',
      to: '/models/new',
      command: 'kafka-ml models create model.py --framework tensorflow --name mine',
    },
    {
      key: 'group',
      title: 'Create a configuration',
      word: 'Configure',
      why: 'A configuration holds the models that train on the same data, so that you can compare them.',
      done: configuration !== null,
      column: 1,
      action: 'New configuration',
      to: '/configurations/new',
      ...(model === null ? {} : { search: { models: [model] } }),
      command: `kafka-ml configurations create mine --model ${model ?? 1}`,
      ...(model === null ? { blocked: 'Create a model first.' } : {}),
    },
    {
      key: 'deploy',
      title: 'Deploy it for training',
      word: 'Deploy',
      why: 'A deployment waits for its data, however long that takes.',
      done: deployment !== null,
      column: 1,
      action: 'Deploy',
      to: '/training/new',
      ...(configuration === null ? {} : { search: { configuration } }),
      command: `kafka-ml deployments create ${configuration ?? 1} --batch-size 32`,
      ...(configuration === null ? { blocked: 'Create a configuration first.' } : {}),
    },
    {
      key: 'send',
      title: 'Send data',
      word: 'Send data',
      why: 'A CSV, Parquet, JSON or NumPy file, or your own producer: training starts as soon as the stream is announced.',
      done: facts.stream !== null,
      column: 0,
      action: 'How to send data',
      to: deployment === null ? '/streams' : `/training/${deployment}`,
      command: `kafka-ml send data.csv --deployment ${deployment ?? 1}`,
      ...(deployment === null ? { blocked: 'Create a deployment first.' } : {}),
    },
    {
      key: 'serve',
      title: 'Serve it',
      word: 'Serve',
      why: 'The trained model reads records from one topic and writes predictions to another.',
      done: inference !== null,
      column: 3,
      action: 'Serve a model',
      to: '/inference/new',
      ...(result === null ? {} : { search: { result } }),
      command: `kafka-ml inferences create ${result ?? 1} --input ${shellQuote(input)} --output ${shellQuote(output)}`,
      ...(result === null ? { blocked: 'Finish a training run first.' } : {}),
    },
    {
      key: 'watch',
      title: 'Watch predictions',
      word: 'Watch',
      why: 'Send records to the input topic and see the predictions live.',
      done: facts.predicted > 0,
      column: 4,
      action: 'Try it',
      to: inference === null ? '/inference' : `/inference/${inference}`,
      command: `kafka-ml send new.csv --topic ${shellQuote(input)}\nkafka-ml tail ${shellQuote(output)}`,
      ...(inference === null ? { blocked: 'Start an inference first.' } : {}),
    },
  ]
}
