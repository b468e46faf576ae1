import { expect, test } from 'vitest'
import { prefetch } from './prefetch'
import type { LazyPage } from './survivingPage'

function page(name: string, loaded: string[]): LazyPage {
  const made: LazyPage = () => null
  made.preload = async () => {
    loaded.push(name)
    made.preload = undefined
  }
  return made
}

test('rooms are loaded one by one while nothing else is to be done, each once', async () => {
  const steps: string[] = []
  const pages = [page('models', steps), undefined, page('training', steps)]
  const idle = async () => void steps.push('idle')
  await prefetch(pages, idle, () => false)
  await prefetch(pages, idle, () => false)
  expect(steps).toEqual(['idle', 'models', 'idle', 'training'])
})

test('a frame that is gone loads nothing more', async () => {
  const steps: string[] = []
  await prefetch(
    [page('models', steps), page('training', steps)],
    async () => {},
    () => steps.length === 1,
  )
  expect(steps).toEqual(['models'])
})

test('a room that is opened while its turn is awaited is left alone', async () => {
  const steps: string[] = []
  const models = page('models', steps)
  await prefetch(
    [models],
    async () => models.preload?.(),
    () => false,
  )
  expect(steps).toEqual(['models'])
})
