import { expect, it } from 'vitest'
import { Problem } from '~/lib/problem'
import { EMPTY, nameOfFile, requestOf, verdictErrorOf } from './source'
import { frameworkOf } from './writing'

it('tells which framework a file is written for', () => {
  expect(frameworkOf('import torch\nclass A(nn.Module): ...')).toBe('pytorch')
  expect(frameworkOf('model = tf.keras.Sequential()')).toBe('tensorflow')
  expect(frameworkOf('x = 1')).toBeNull()
})

it('names a model after its file', () => {
  expect(nameOfFile('my model.py')).toBe('my model')
})

it('has an upper model only where it is distributed', () => {
  expect(requestOf({ ...EMPTY, upper_model: '3' }).upper_model).toBeNull()
  expect(requestOf({ ...EMPTY, distributed: true, upper_model: '3' }).upper_model).toBe(3)
})

it('finds the line in a refusal to save', () => {
  const refusal = new Problem({
    type: 'urn:kafka-ml:problem:user_code',
    title: 'The content was refused',
    status: 422,
    detail: 'SyntaxError: invalid syntax',
    errors: [{ field: 'code', code: 'syntax', detail: 'SyntaxError: invalid syntax', line: 3, traceback: 'tb' }],
  })
  expect(verdictErrorOf(refusal)).toMatchObject({ kind: 'syntax', line: 3, source: 'code', traceback: 'tb' })
  const taken = new Problem({
    type: 'about:blank',
    title: 'no',
    status: 400,
    detail: 'name: a model of this name exists',
    errors: [{ field: 'name', code: 'unique', detail: 'a model of this name exists' }],
  })
  expect(verdictErrorOf(taken)).toBeNull()
})
