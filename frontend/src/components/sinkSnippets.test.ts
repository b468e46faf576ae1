import { describe, expect, it } from 'vitest'
import { DEFAULT_CONTROL_TOPIC, SINK_FORMATS, type SinkSettings, sinkSnippet } from './sinkSnippets'

const SETTINGS: SinkSettings = {
  deploymentId: 7,
  bootstrapServers: '127.0.0.1:9092',
  controlTopic: DEFAULT_CONTROL_TOPIC,
  topic: 'digits',
  validationRate: 0.1,
  testRate: 0.2,
  sampleShape: [8, 8],
  classes: 10,
  online: false,
  semiSupervised: false,
}

describe('sinkSnippet', () => {
  it.each(['RAW', 'JSON', 'AVRO'] as const)('addresses the deployment and the broker in %s', (format) => {
    const text = sinkSnippet(format, SETTINGS)
    expect(text).toContain('deployment_id=7')
    expect(text).toContain('bootstrap_servers="127.0.0.1:9092"')
    expect(text).toContain('random.random((count, 8, 8))')
    expect(text).toContain('random.integers(0, 10, count)')
    expect(text).not.toContain('control_topic')
  })

  it.each(['RAW', 'JSON', 'AVRO', 'CLI'] as const)('sends a stream without end in %s', (format) => {
    const text = sinkSnippet(format, { ...SETTINGS, online: true })
    expect(text).toMatch(format === 'CLI' ? '--deployment 7 --topic digits' : /with Online(Raw|Json|Avro)Sink\(/)
    expect(text).toMatch(format === 'CLI' ? '--online --validation-rate 0.1' : 'sink.send(')
    expect(text).not.toMatch(/test.rate/)
  })

  it.each([false, true])('sends samples without labels to a topic of their own, online %s', (online) => {
    const texts = SINK_FORMATS.map((format) => sinkSnippet(format, { ...SETTINGS, online, semiSupervised: true }))
    for (const text of texts.slice(0, 3)) {
      expect(text).toContain('unsupervised_topic="digits-unlabelled"')
      expect(text).toContain('unlabelled = random.random((count, 8, 8))')
    }
    expect(texts[0]).toContain('    sink.unsupervised_send_array(unlabelled)')
    expect(texts[1]).toContain('        sink.unsupervised_send(sample)')
    expect(texts[2]).toContain('        sink.unsupervised_send({"values": sample.ravel().tolist()})')
    expect(texts[3]).toContain('--unlabelled unlabelled.npz --unlabelled-topic digits-unlabelled')
  })

  it('knows nothing of them otherwise', () => {
    for (const format of SINK_FORMATS) expect(sinkSnippet(format, SETTINGS)).not.toMatch(/unlabelled|unsupervised/)
  })

  it('names the control topic where it is another one', () => {
    expect(sinkSnippet('RAW', { ...SETTINGS, controlTopic: 'mine' })).toContain('control_topic="mine"')
  })

  it('makes numbers for models that give one number, and a tuple of one for scalars', () => {
    const text = sinkSnippet('RAW', { ...SETTINGS, classes: 0, sampleShape: [] })
    expect(text).toContain('labels = random.random(count)')
    expect(text).toContain('random.random((count,))')
  })

  it('gives the shape in addition to an Avro schema, which knows only flat lists', () => {
    expect(sinkSnippet('AVRO', SETTINGS)).toContain('data_reshape="8 8"')
    expect(sinkSnippet('AVRO', { ...SETTINGS, sampleShape: [4] })).not.toContain('data_reshape')
  })

  it('gives the command its options', () => {
    expect(sinkSnippet('CLI', SETTINGS)).toContain('kafka-ml send samples.npz --deployment 7 --topic digits')
  })
})
