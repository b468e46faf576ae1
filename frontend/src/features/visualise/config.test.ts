import { describe, expect, it } from 'vitest'
import { readConfig, streamQuery, writeConfig } from './config'

const KNOWN = `{
    "average_updated": false,
    "average_window": 10000,
    "type": "classification",
    "labels":[
        {
          "id": 0,
          "color": "#fff100",
          "label": "Zero"
        },
        {"id": 1, "color": "#ff8c00", "label": "One"}
      ]
}
`

function messages(text: string): string[] {
  return readConfig(text).problems.map(({ line, path }) => `${line} ${path}`)
}

describe('the known configuration', () => {
  it('is read as it is', () => {
    const { config, form, problems } = readConfig(KNOWN)
    expect(problems).toEqual([])
    expect(config).toEqual(JSON.parse(KNOWN))
    expect(form?.labels[1]).toEqual({ id: 1, label: 'One', color: '#ff8c00' })
    expect(form?.map).toBeNull()
  })

  it('comes back the same through the form', () => {
    const { form, config } = readConfig(KNOWN)
    if (form === null) throw new Error('no form')
    const again = readConfig(writeConfig(form))
    expect(again.config).toEqual(config)
    expect(again.form).toEqual(form)
    expect(writeConfig(form)).toContain('    {"id": 0, "color": "#fff100", "label": "Zero"},\n')
  })

  it('keeps texts that look like JSON', () => {
    const form = { ...readConfig(KNOWN).form, labels: [{ id: 0, color: '', label: 'a","b":<script>' }] } as never
    expect(readConfig(writeConfig(form)).config?.labels[0]?.label).toBe('a","b":<script>')
  })
})

describe('problems are reported with their line', () => {
  it.each([
    ['{"type": "pie", "labels": []}', ['1 type']],
    ['{\n"type": "regression",\n"labels": [],\n"script": "x"\n}', ['4 script']],
    [
      '{\n"type": "regression",\n"labels": [\n{"id": 0, "label": "a"},\n{"id": 0, "label": ""}]}',
      ['5 labels.1.id', '5 labels.1.label'],
    ],
    [
      '{"type": "regression", "labels": [{"id": -1, "label": "a", "color": "red"}]}',
      ['1 labels.0.id', '1 labels.0.color'],
    ],
    ['{"type": "regression",\n "labels": [],\n "average_window": 0}', ['3 average_window']],
    ['{"type": "regression", "labels": [],\n"map": {"latitude": 1, "longitude": 1}}', ['2 map.longitude']],
    ['{"type": "regression", "labels": {}}', ['1 labels']],
    ['[]', ['1 ']],
    ['', ['1 ']],
    ['{\n"type": "regression"\n"labels": []}', ['3 ']],
    ['{"type": "regression", "labels": [],}', ['1 ']],
    ['{"type": 1, "type": 2}', ['1 ']],
  ])('%j', (text, expected) => {
    expect(messages(text)).toEqual(expected)
    expect(readConfig(text).config).toBeNull()
  })

  it('and the form still shows what can be read', () => {
    const { form } = readConfig('{"type": "regression", "labels": [{"id": "x", "label": 3}], "average_window": "y"}')
    expect(form).toMatchObject({
      type: 'regression',
      average_window: null,
      labels: [{ id: null, label: '', color: '' }],
    })
  })

  it('nesting without end does not break the page', () => {
    expect(messages('['.repeat(10_000))).toHaveLength(1)
  })
})

describe('the address of the stream', () => {
  it('shows what is not saved yet', () => {
    const query = new URLSearchParams(
      streamQuery({
        type: 'regression',
        labels: [{ id: 3, label: 'a' }],
        average_window: 700,
        map: { latitude: 0, longitude: 1 },
      }),
    )
    expect(Object.fromEntries(query)).toEqual({
      type: 'regression',
      average_updated: 'false',
      average_window: '700',
      outputs: '3',
      map: 'output:0:1',
    })
  })

  it('asks the server to tell the type without a configuration', () => {
    expect(streamQuery(null)).toBe('type=auto&map=off')
  })
})
