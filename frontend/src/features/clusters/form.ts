/** The form of a cluster: its checks before sending, and the request it makes. */
import type { Cluster, ClusterWriteRequestWritable, PatchedClusterWriteRequestWritable } from '~/lib/api'

export interface ClusterForm {
  name: string
  host: string
  ca: string
  namespace: string
  kafka_bootstrap_servers: string
  backend_url: string
  image: string
  gpu_resource: string
  keda: boolean
  /** The token; never filled in, because the platform does not give it out again. */
  token: string
}

export function formOf(cluster: Cluster | null): ClusterForm {
  return {
    name: cluster?.name ?? '',
    host: cluster?.host ?? '',
    ca: cluster?.ca ?? '',
    namespace: cluster?.namespace ?? 'kafka-ml-jobs',
    kafka_bootstrap_servers: cluster?.kafka_bootstrap_servers ?? '',
    backend_url: cluster?.backend_url ?? '',
    image: cluster?.image ?? '',
    gpu_resource: cluster?.gpu_resource ?? '',
    keda: cluster?.keda ?? false,
    token: '',
  }
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** Errors by field. The rules are those of the API, which has the last word. */
export function checkForm(form: ClusterForm, cluster: Cluster | null): Partial<Record<keyof ClusterForm, string>> {
  const problems: Partial<Record<keyof ClusterForm, string>> = {}
  if (!LABEL.test(form.name)) problems.name = 'Lower-case letters, digits and hyphens, at most 63'
  if (!LABEL.test(form.namespace)) problems.namespace = 'Lower-case letters, digits and hyphens, at most 63'
  if (!/^https:\/\/[^\s/?#@]+/.test(form.host)) problems.host = 'Expected an address such as https://10.0.0.1:6443'
  if (!form.token && tokenNeeded(form, cluster)) {
    problems.token =
      cluster === null ? 'A token is needed' : 'The address or authority has changed: enter the token again'
  }
  return problems
}

/** Whether the token must be entered again: the stored one is never sent to a host that somebody has changed. */
export function tokenNeeded(form: ClusterForm, cluster: Cluster | null): boolean {
  return cluster === null || form.host.replace(/\/+$/, '') !== cluster.host || form.ca.trim() !== cluster.ca.trim()
}

/** The request that adds a cluster. */
export function requestOf(form: ClusterForm): ClusterWriteRequestWritable {
  return { ...form }
}

/** The request with only the fields that differ from the stored cluster. An empty token keeps the stored one. */
export function changesOf(form: ClusterForm, cluster: Cluster): PatchedClusterWriteRequestWritable {
  const before = formOf(cluster)
  return Object.fromEntries(Object.entries(form).filter(([name, value]) => value !== before[name as keyof ClusterForm]))
}
