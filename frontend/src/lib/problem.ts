/** A problem: what went wrong, where, why and what to do, as the API reports it (RFC 9457) or as close as possible. */
import type { Problem as ProblemDocument } from './generated/types.gen'

export type FieldError = NonNullable<ProblemDocument['errors']>[number]

export class Problem extends Error {
  override readonly name = 'Problem'

  constructor(readonly document: ProblemDocument) {
    super(document.detail)
  }

  get status(): number {
    return this.document.status
  }

  get hint(): string {
    return this.document.hint ?? ''
  }

  get fields(): readonly FieldError[] {
    return this.document.errors ?? []
  }

  /** The messages by field, in the form that forms take. */
  byField(): Record<string, string> {
    return Object.fromEntries(this.fields.map((field) => [field.field, field.detail]))
  }

  /** Whether the whole problem is about ``names``, the fields of a form that shows errors next to them. */
  isOnlyAbout(names: readonly string[]): boolean {
    return this.fields.length > 0 && this.fields.every((field) => names.includes(field.field))
  }

  /** The whole problem as text to paste into a report. */
  toText(): string {
    const { title, status, detail, hint, request_id, errors } = this.document
    const lines = [`${title} (${status})`, detail, hint && `What to do: ${hint}`]
    for (const error of errors ?? []) lines.push(`${error.field}: ${error.detail}`, error.traceback ?? '')
    if (request_id) lines.push(`Request ${request_id}`)
    return lines.filter(Boolean).join('\n')
  }
}

/** Turn anything that was thrown or answered into a Problem. */
export function problemOf(error: unknown, response?: Response): Problem {
  if (error instanceof Problem) return error
  if (isDocument(error)) return new Problem(error)
  if (response !== undefined && response.status > 0) {
    return new Problem({
      type: 'about:blank',
      title: response.statusText || 'Unexpected response',
      status: response.status,
      detail: `the answer to ${new URL(response.url).pathname} was not in the API's form`,
      hint: 'something between this page and the platform answered in its place, such as a proxy: look there',
    })
  }
  const reason = error instanceof Error ? error.message : String(error)
  return new Problem({
    type: 'about:blank',
    title: 'The platform is not responding',
    status: 0,
    detail: `the request did not reach the platform (${reason})`,
    hint: "check that it is running ('kafka-ml status') and that this machine can reach it; the page keeps trying",
  })
}

function isDocument(value: unknown): value is ProblemDocument {
  return typeof value === 'object' && value !== null && 'detail' in value && 'status' in value && 'title' in value
}
