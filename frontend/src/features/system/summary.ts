/** The state of the platform in words: what is wrong, and a text for a bug report. */
import type { System } from '~/lib/api'
import { formatBytes } from '~/lib/format'

/** What needs attention, worst first; empty when all is well. */
export function troubles(system: System): string[] {
  const { broker, components, executors, isolation } = system
  return [
    ...(broker.reachable ? [] : ['Kafka is not responding']),
    ...components
      .filter((component) => component.state !== 'ready')
      .map((component) => `${component.name} is ${component.state}${component.detail ? ` (${component.detail})` : ''}`),
    ...Object.entries(executors)
      .filter(([, executor]) => !executor.reachable)
      .map(([framework]) => `the ${framework} executor is not responding`),
    ...(isolation.off ? ['user code is not isolated'] : []),
  ]
}

/** Everything that helps a remote helper; it contains no secrets. */
export function supportSummary(system: System): string {
  const wrong = troubles(system)
  const lines = [
    `kafka-ml ${system.version}`,
    ...Object.entries(system.versions).map(([name, version]) => `  ${name} ${version}`),
    wrong.length === 0 ? 'No problems found.' : `Needs attention: ${wrong.join('; ')}`,
    `Broker ${system.broker.bootstrap_servers} ${system.broker.reachable ? 'answers' : 'is not responding'}`,
    `Launcher ${system.launcher.kind}${system.launcher.namespace ? ` in ${system.launcher.namespace}` : ''}, isolation ${system.isolation.levels.join(', ') || 'unknown'} (requested: ${system.isolation.setting})`,
    'Components:',
    ...system.components.map(
      (component) =>
        `  ${component.name}: ${component.state}${component.restarts ? `, ${component.restarts} restarts` : ''}${component.detail ? `, ${component.detail}` : ''}`,
    ),
    'Executors:',
    ...Object.entries(system.executors).map(([framework, executor]) => {
      const versions = Object.entries(executor.versions).map(([name, version]) => `${name} ${version}`)
      return `  ${framework}: ${executor.reachable ? [`isolation ${executor.isolation}`, ...versions].join(', ') : executor.detail}`
    }),
    system.gpus.length === 0 ? `GPUs: ${system.gpu_note || 'none'}` : 'GPUs:',
    ...system.gpus.map(
      (gpu) => `  ${gpu.index}: ${gpu.name}, ${formatBytes(gpu.memory_used)} of ${formatBytes(gpu.memory_total)} used`,
    ),
  ]
  return `${lines.join('\n')}\n`
}
