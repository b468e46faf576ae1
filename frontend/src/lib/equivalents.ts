/** Builds the command, the Python code and the curl call that equal an API call. */
import type { Equivalents } from '~/components/CopyAs'

/** Quotes a text for a POSIX shell. */
export function shellQuote(text: string): string {
  return /^[\w./:=@,+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** Writes a value as a Python literal. */
export function pythonLiteral(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (typeof value === 'string') {
    return value.includes('\n') && !value.includes('"""') && !value.includes('\\') && !value.endsWith('"')
      ? `"""${value}"""`
      : JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([key, member]) => `${JSON.stringify(key)}: ${pythonLiteral(member)}`)
      .join(', ')}}`
  }
  return String(value)
}

/** Writes a call of the SDK's client: ``client.models.create(name="m", ...)``. */
export function pythonCall(call: string, values: Record<string, unknown>): string {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  const lines = entries.map(([name, value]) => `    ${name}=${pythonLiteral(value)},`)
  return ['from kafkaml.sdk import Client', '', 'client = Client()', `${call}(`, ...lines, ')'].join('\n')
}

/** Writes a call of ``curl`` with the token from the environment. */
export function curlCall(method: string, path: string, body?: unknown): string {
  const lines = [`curl -X ${method} ${shellQuote(window.location.origin + path)}`]
  lines.push('  -H "Authorization: Bearer $KML_TOKEN"')
  if (body !== undefined) {
    lines.push("  -H 'Content-Type: application/json'", `  -d ${shellQuote(JSON.stringify(body, null, 2))}`)
  }
  return lines.join(' \\\n')
}

export type { Equivalents }
