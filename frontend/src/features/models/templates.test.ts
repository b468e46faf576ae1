import { expect, it } from 'vitest'
import { TEMPLATES, templateOf } from './templates'

it('offers both frameworks, each template by an id of its own and with a model in it', () => {
  expect(new Set(TEMPLATES.map((template) => template.id)).size).toBe(TEMPLATES.length)
  for (const template of TEMPLATES) expect(template.code).toMatch(/^model = /m)
  expect(templateOf('mnist-pytorch')?.code).toContain('loss_fn')
  expect(TEMPLATES.filter((template) => template.distributed).map((template) => template.id)).toEqual([
    'cloud-pytorch',
    'cloud-tensorflow',
    'fog-pytorch',
    'fog-tensorflow',
    'edge-pytorch',
    'edge-tensorflow',
  ])
  expect(templateOf('nothing')).toBeUndefined()
})
