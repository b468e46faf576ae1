import { expect, it } from 'vitest'
import { TEMPLATES, templateOf } from './templates'

it('offers both frameworks, each template by an id of its own and with a model in it', () => {
  expect(new Set(TEMPLATES.map((each) => each.id)).size).toBe(TEMPLATES.length)
  for (const each of TEMPLATES) expect(each.code).toMatch(/^model = /m)
  expect(templateOf('mnist-pytorch')?.code).toContain('loss_fn')
  expect(TEMPLATES.filter((each) => each.distributed).map((each) => each.id)).toEqual([
    'cloud-pytorch',
    'cloud-tensorflow',
    'fog-pytorch',
    'fog-tensorflow',
    'edge-pytorch',
    'edge-tensorflow',
  ])
  expect(templateOf('nothing')).toBeUndefined()
})
