/** The form of a model as a command, as Python and as curl. */
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'
import { type ModelValues, requestOf } from './source'

export function createEquivalents(values: ModelValues): Equivalents {
  const request = requestOf(values)
  const options = [
    '--name',
    shellQuote(request.name || 'NAME'),
    '--framework',
    request.framework,
    ...(request.description ? ['--description', shellQuote(request.description)] : []),
    ...(request.imports ? ['--imports', 'imports.py'] : []),
    ...(request.distributed ? ['--distributed'] : []),
    ...(request.upper_model != null ? ['--upper-model', String(request.upper_model)] : []),
  ]
  return {
    cli: [
      ...(request.imports ? [`cat > imports.py ${hereDocument(request.imports)}`] : []),
      `kafka-ml models create - ${options.join(' ')} ${hereDocument(request.code)}`,
    ].join('\n'),
    // Values that equal the defaults are left out.
    python: pythonCall(
      'client.models.create',
      Object.fromEntries(
        Object.entries(request).filter(([name, value]) => value || name === 'name' || name === 'code'),
      ),
    ),
    curl: curlCall('POST', '/api/models/', request),
  }
}

/** The update of a model, with only the values that differ from ``before``. */
export function updateEquivalents(id: number, before: ModelValues, values: ModelValues): Equivalents {
  const [old, request] = [requestOf(before), requestOf(values)]
  const changes = Object.fromEntries(
    Object.entries(request).filter(([name, value]) => value !== old[name as keyof typeof old]),
  ) as Partial<typeof request>
  const options = [
    ...(changes.name !== undefined ? ['--name', shellQuote(changes.name)] : []),
    ...(changes.description !== undefined ? ['--description', shellQuote(changes.description)] : []),
    ...(changes.distributed !== undefined ? [changes.distributed ? '--distributed' : '--no-distributed'] : []),
    ...(changes.upper_model != null ? ['--upper-model', String(changes.upper_model)] : []),
    ...(changes.imports !== undefined ? ['--imports', 'imports.py'] : []),
    ...(changes.code !== undefined ? ['--code', '-'] : []),
  ]
  const command = ['kafka-ml models update', String(id), ...options].join(' ')
  return {
    cli: [
      ...(changes.imports !== undefined ? [`cat > imports.py ${hereDocument(changes.imports)}`] : []),
      changes.code === undefined ? command : `${command} ${hereDocument(changes.code)}`,
    ].join('\n'),
    python: pythonCall(`client.models.update`, changes).replace('update(\n', `update(\n    ${id},\n`),
    curl: curlCall('PATCH', `/api/models/${id}/`, changes),
  }
}

export function objectEquivalents(id: number): Equivalents {
  return {
    cli: `kafka-ml models show ${id}`,
    python: `from kafkaml.sdk import Client\n\nclient = Client()\nmodel = client.models.get(${id})\nprint(model.code)`,
    curl: curlCall('GET', `/api/models/${id}/`),
  }
}

/** A text as a here-document for a shell command. */
export function hereDocument(text: string): string {
  const lines = text.split('\n')
  let end = 'EOF'
  while (lines.includes(end)) end += '_'
  return `<<'${end}'\n${text.replace(/\n$/, '')}\n${end}`
}
