import { expect, test } from 'vitest'
import { pagesNamed } from './pagesNamed'

test('pages that an example names are found once, and nothing else leads anywhere', () => {
  const output = [
    '  http://127.0.0.1:8000/results/1   curves, test, lineage, files',
    '  http://127.0.0.1:8000/inference/12   what it reads and answers',
    'http://127.0.0.1:8000/results/1',
    'https://example.org/login/results/3 http://a/results/4?next=http://b javascript:/results/5',
  ].join('\n')
  expect(pagesNamed(output)).toEqual([
    { path: '/results/1', label: 'Training run 1' },
    { path: '/inference/12', label: 'Inference 12' },
  ])
})
