import { describe, expect, it } from 'vitest'
import type { Cluster } from '~/lib/api'
import { changesOf, checkForm, formOf, requestOf } from './form'

const EDGE: Cluster = {
  id: 3,
  name: 'edge',
  host: 'https://10.0.0.1:6443',
  ca: 'PEM',
  namespace: 'jobs',
  kafka_bootstrap_servers: 'kafka:9094',
  backend_url: '',
  image: '',
  gpu_resource: '',
  keda: false,
  has_token: true,
  inferences: 0,
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
}

describe('a new cluster', () => {
  const good = { ...formOf(null), name: 'edge', host: 'https://10.0.0.1:6443', token: 't' }

  it('needs a name, an https address and a token', () => {
    expect(checkForm(good, null)).toEqual({})
    expect(checkForm({ ...good, name: 'My edge' }, null)).toHaveProperty('name')
    expect(checkForm({ ...good, host: 'http://10.0.0.1' }, null)).toHaveProperty('host')
    expect(checkForm({ ...good, token: '' }, null)).toEqual({ token: 'A token is needed' })
  })

  it('is sent whole', () => {
    expect(requestOf(good)).toMatchObject({ name: 'edge', namespace: 'kafka-ml-jobs', token: 't', keda: false })
  })
})

describe('a cluster that exists', () => {
  it('keeps its token, which the form never holds', () => {
    expect(formOf(EDGE).token).toBe('')
    expect(checkForm(formOf(EDGE), EDGE)).toEqual({})
    expect(changesOf(formOf(EDGE), EDGE)).toEqual({})
  })

  it('is asked for its token where it would go to another place', () => {
    expect(checkForm({ ...formOf(EDGE), host: 'https://10.0.0.2:6443' }, EDGE)).toHaveProperty('token')
    expect(checkForm({ ...formOf(EDGE), ca: '' }, EDGE)).toHaveProperty('token')
    expect(checkForm({ ...formOf(EDGE), host: 'https://10.0.0.1:6443/' }, EDGE)).toEqual({})
    expect(checkForm({ ...formOf(EDGE), namespace: 'other' }, EDGE)).toEqual({})
  })

  it('sends what changed and no more', () => {
    expect(changesOf({ ...formOf(EDGE), keda: true, token: 'new' }, EDGE)).toEqual({ keda: true, token: 'new' })
  })
})
