/** The state of the platform in words: what is wrong, and a text for a bug report. */
import type { Machine, System } from '~/lib/api'
import { formatBytes, formatValue } from '~/lib/format'

/** Below these shares of the whole, the platform soon fails. */
const LEAST_FREE = 0.05

/** What the machine lacks, as parts of troubles. */
function shortages({ memory_available, memory_total, disk_free, disk_total }: Machine): string[] {
  return [
    ...(disk_free < LEAST_FREE * disk_total ? [`the disk is almost full (${formatBytes(disk_free)} free)`] : []),
    ...(memory_available < LEAST_FREE * memory_total
      ? [`memory is almost used up (${formatBytes(memory_available)} left)`]
      : []),
  ]
}

/** The machine in a line per resource, with what is left. */
export function machineFacts(machine: Machine): [string, string][] {
  return [
    ['Processors', `${machine.processors}, with a load of ${formatValue(machine.load)} over the last minute`],
    ['Memory', `${formatBytes(machine.memory_available)} available of ${formatBytes(machine.memory_total)}`],
    ['Disk', `${formatBytes(machine.disk_free)} free of ${formatBytes(machine.disk_total)}`],
  ]
}

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
    ...shortages(system.machine),
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
    ...machineFacts(system.machine).map(([name, value]) => `${name}: ${value}`),
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
