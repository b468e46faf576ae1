/** An inference and versions of its result as the platform shows them, as far as tests need them. */
import type { Inference, LiveComparison, Version } from '~/lib/api'

export function comparison(change: Partial<LiveComparison> = {}): LiveComparison {
  const side = { version: 1, failed: 0, labelled: 0, correct: 0, scores: [0, 1], p50_ms: 2, p99_ms: 30 }
  return {
    records: 200,
    compared: 20,
    agreed: 19,
    mean_difference: 0.25,
    champion: side,
    challenger: { ...side, version: 2 },
    ...change,
  }
}

/** An inference that serves version 1 of result 7, which has two versions, and follows nothing. */
export function inference(change: Partial<Inference> = {}): Inference {
  return {
    id: 3,
    result: 7,
    version: 1,
    follows: false,
    current_version: 2,
    previous_version: null,
    revision: 4,
    swap_failure: null,
    challenger: null,
    comparison: null,
    last_challenge: null,
    shadow_of: null,
    input_topic: 'in',
    output_topic: 'out',
    replica_stats: [],
    state: 'running',
    failing: null,
    desired: 'run',
    ...change,
  } as Inference
}

/** The inference with a canary of version 2 that answers a tenth of the records. */
export function withCanary(change: Partial<Inference> = {}): Inference {
  const now = new Date().toISOString()
  return inference({
    challenger: { version: 2, kind: 'canary', share: 0.1, labelled: false, rule: null },
    comparison: comparison(),
    replica_stats: [{ replica: 0, state: 'running', updated_at: now }] as unknown as Inference['replica_stats'],
    ...change,
  })
}

export function version(number: number, change: Partial<Version> = {}): Version {
  return {
    number,
    current: false,
    pinned: false,
    step: null,
    positions: {},
    artifacts: [{ name: 'model.onnx', size: 2048, sha256: 'a' }],
    outcome: { test_metrics: { accuracy: 0.9 } },
    ...change,
  } as unknown as Version
}
