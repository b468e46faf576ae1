/** The platform's answers about a topic of machine readings, for tests. */
import type { FieldSummary, Preview, Proposal } from '~/lib/api'

const NUMBERS = {
  min: 20,
  max: 100,
  mean: 60,
  deviation: 10,
  quartiles: [50, 60, 70] as [number, number, number],
  whole: false,
  histogram: [
    { low: 20, high: 60, count: 490 },
    { low: 60, high: 100, count: 510 },
  ],
}

const NO_FIELD: Omit<FieldSummary, 'path' | 'kind' | 'expression' | 'role'> = {
  reason: '',
  missing: 0,
  odd: 0,
  distinct: 3,
  more: false,
  shape: [],
  numbers: null,
  top: [],
}

export const PROPOSAL: Proposal = {
  contract: {
    format: 'JSON',
    format_config: {},
    key: 'text',
    fields: [
      { path: ['reading', 'temperature'], kind: 'number' },
      { path: ['failure'], kind: 'boolean' },
    ],
    columns: [
      {
        name: 'temperature',
        expression: 'reading.temperature',
        encoding: 'number',
        shape: [],
        missing: 'drop',
        constant: null,
        scaling: 'standard',
        input: '',
      },
    ],
    labels: [{ name: 'failure', expression: 'failure', kind: 'class', classes: [] }],
    window: null,
    split: 'time',
  },
  sampled: 1000,
  decodes: 1,
  fields: [
    {
      ...NO_FIELD,
      path: ['reading', 'temperature'],
      kind: 'number',
      expression: 'reading.temperature',
      role: 'column',
      distinct: 1000,
      more: true,
      numbers: NUMBERS,
    },
    {
      ...NO_FIELD,
      path: ['status'],
      kind: 'text',
      expression: 'status',
      role: 'left_out',
      missing: 0.25,
      top: [
        { value: 'ok', count: 700 },
        { value: 'slow', count: 300 },
      ],
    },
    { ...NO_FIELD, path: ['failure'], kind: 'boolean', expression: 'failure', role: 'label', distinct: 2 },
  ],
  label: {
    name: 'failure',
    expression: 'failure',
    kind: 'class',
    why: 'its name, failure, is that of a label',
    balance: [
      { value: 'false', count: 897 },
      { value: 'true', count: 103 },
    ],
  },
  key: { kind: 'text', missing: 0, distinct: 20, repeats: 50, top: [] },
  time: null,
  window: { length: 10, stride: 1, horizon: 0 },
  undecodable: null,
  remarks: [
    {
      code: 'mostly_missing',
      severity: 'warning',
      message: 'status is often missing',
      hint: 'it is left out',
      path: ['status'],
    },
  ],
}

export const PREVIEW: Preview = {
  records: 2000,
  sampled: 1000,
  decodes: 1,
  undecodable: null,
  columns: [
    {
      place: 'columns.0',
      name: 'temperature',
      expression: 'reading.temperature',
      kind: 'number',
      encoding: 'number',
      input: '',
      width: 1,
      shape: [],
      missing: 0,
      distinct: 1000,
      numbers: NUMBERS,
      top: [],
    },
    {
      place: 'labels.0',
      name: 'failure',
      expression: 'failure',
      kind: 'boolean',
      encoding: 'category',
      input: '',
      width: 0,
      shape: [],
      missing: 0,
      distinct: 2,
      numbers: null,
      top: [],
    },
  ],
  balance: [
    { value: 'false', count: 897 },
    { value: 'true', count: 103 },
  ],
  inputs: [{ name: '', shape: [1], dtype: 'float32', features: ['temperature'] }],
  parts: { training: 800, validation: 100, test: 100, left_out: 0, unlabelled: 0 },
  samples: [
    {
      topic: 'machines',
      partition: 0,
      offset: 12,
      key: 'm4',
      timestamp_ms: 1_700_000_000_000,
      part: 'training',
      inputs: [{ name: '', shape: [1], values: [0.25], shown: 'whole' }],
      label: 'true',
    },
  ],
  problems: [],
  remarks: [],
}
