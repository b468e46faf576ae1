import { describe, expect, it } from 'vitest'
import { readAnswer, shortAnswer } from './answers'
import {
  checkForm,
  EMPTY_FORM,
  equivalentsOf,
  partitionNote,
  requestOf,
  scaleText,
  sentence,
  suggestedTopics,
} from './deploy'
import { MAX_POINTS, RateHistory, reportOf } from './rates'

describe('readAnswer', () => {
  it('takes numbers that sum up to one as probabilities', () => {
    const reading = readAnswer([0.1, 0.7, 0.2], null)
    expect(reading).toMatchObject({ kind: 'classes', softmax: false, best: { index: 1, label: '1', share: 0.7 } })
    expect(shortAnswer(reading)).toBe('1 (70.0%)')
  })

  it('turns scores of known classes into probabilities, and says so', () => {
    const reading = readAnswer([-4, 2, 0], ['cat', 'dog', 'cow'])
    expect(reading).toMatchObject({ kind: 'classes', softmax: true, best: { label: 'dog', value: 2 } })
    const sum =
      reading.kind === 'classes' ? reading.classes.reduce((total, candidate) => total + candidate.share, 0) : 0
    expect(sum).toBeCloseTo(1)
  })

  it('leaves other numbers as they are', () => {
    expect(readAnswer([21.5, -3], null)).toMatchObject({
      kind: 'numbers',
      numbers: [
        { label: '0', value: 21.5 },
        { label: '1', value: -3 },
      ],
    })
    expect(readAnswer([null], null)).toMatchObject({ kind: 'numbers', numbers: [{ label: 'value', value: null }] })
    expect(readAnswer([0.9], ['cat', 'dog'])).toMatchObject({ numbers: [{ label: 'from cat (low) to dog (high)' }] })
    expect(readAnswer([[1, 2], [3]], null).kind).toBe('other')
    expect(readAnswer(null, null).kind).toBe('other')
  })
})

describe('RateHistory', () => {
  it('sums replicas up, merges what comes together and forgets the silent', () => {
    const history = new RateHistory()
    history.add(0, { at: 1_000, rate: 10, lag: 1 })
    history.add(1, { at: 1_200, rate: 5, lag: null })
    expect(history.points).toEqual([{ at: 1_000, rate: 15, lag: 1 }])
    history.add(1, { at: 20_000, rate: 7, lag: 2 })
    // The line is interrupted where nobody reported.
    expect(history.points.slice(1)).toEqual([
      { at: 1_001, rate: null, lag: null },
      { at: 20_000, rate: 7, lag: 2 },
    ])
  })

  it('is bounded', () => {
    const history = new RateHistory()
    for (let at = 0; at < 1000; at += 1) history.add(0, { at: at * 2_000, rate: at, lag: null })
    expect(history.points).toHaveLength(MAX_POINTS)
    expect(history.points.at(-1)?.rate).toBe(999)
  })

  it('reads reports from events and leaves others alone', () => {
    expect(reportOf({ id: 1, replica: 0, stats: { rate: 2, lag: null } })).toMatchObject({ inference: 1, replica: 0 })
    expect(reportOf({ id: 1, state: 'running' })).toBeNull()
  })
})

describe('the form', () => {
  const good = { ...EMPTY_FORM, result: '7', input_topic: 'a-in', output_topic: 'a-out' }

  it('suggests topics that Kafka takes', () => {
    expect(suggestedTopics('My Digits (v2)!')).toEqual({
      input_topic: 'my-digits-v2-in',
      output_topic: 'my-digits-v2-out',
    })
    expect(suggestedTopics('数字').input_topic).toBe('model-in')
  })

  it('finds what the API would refuse', () => {
    expect(checkForm(good)).toEqual({})
    expect(checkForm({ ...good, output_topic: 'a-in' })).toHaveProperty('output_topic')
    expect(checkForm({ ...good, input_topic: 'a-out.dlq' })).toHaveProperty('input_topic')
    expect(checkForm({ ...good, input_topic: '<b>' })).toHaveProperty('input_topic')
    expect(checkForm({ ...good, as_stream: false, input_config: '[1]' })).toHaveProperty('input_config')
    expect(checkForm({ ...good, visualization: '{' })).toHaveProperty('visualization')
    expect(checkForm({ ...good, output_bootstrap_servers: 'b:1', output_topic: 'a-in' })).toEqual({})
  })

  it('asks for no more than was chosen', () => {
    expect(requestOf(good)).toEqual({ result: 7, input_topic: 'a-in', output_topic: 'a-out', replicas: 1 })
    const own = requestOf({ ...good, as_stream: false, input_format: 'JSON', input_config: '{"data_type":"float32"}' })
    expect(own).toMatchObject({ input_format: 'JSON', input_config: { data_type: 'float32' } })
  })

  it('is the same as a command', () => {
    const { cli } = equivalentsOf({ ...good, output_timestamps: 'written', gpu: 1 })
    expect(cli.replaceAll(/ \\\n\s+/g, ' ')).toBe(
      'kafka-ml inferences create 7 --input a-in --output a-out --replicas 1 --output-timestamps written --gpu 1',
    )
  })

  it('lets the lag choose between two numbers of replicas', () => {
    expect(requestOf({ ...good, replicas: 2, max_replicas: 6 })).toMatchObject({ replicas: 2, max_replicas: 6 })
    expect(checkForm({ ...good, replicas: 2, max_replicas: 1 })).toHaveProperty('max_replicas')
    expect(equivalentsOf({ ...good, max_replicas: 4 }).cli).toContain('--max-replicas 4')
    expect(scaleText({ replicas: 2, max_replicas: 6 })).toBe('2 to 6, depending on the lag')
    expect(scaleText({ replicas: 2, max_replicas: null })).toBe('2')
  })

  it('may choose another cluster, which a command names as well', () => {
    expect(requestOf({ ...good, cluster: '3' })).toHaveProperty('cluster', 3)
    expect(equivalentsOf({ ...good, cluster: '3' }).cli).toContain('--cluster 3')
  })

  it('says how many replicas there will be', () => {
    expect(sentence({ ...good, replicas: 1, max_replicas: 4 }, 'digits', undefined)).toMatch(
      /^1 to 4 replicas of digits read a-in as the same format/,
    )
    expect(sentence({ ...good, replicas: 2, max_replicas: '' }, 'digits', undefined)).toMatch(/^2 replicas of digits/)
  })

  it('says how many replicas have work', () => {
    expect(partitionNote(3, 't', 2)).toContain('1 replica would have nothing to do')
    expect(partitionNote(2, 't', null)).toContain('created with 2 partitions')
  })
})
