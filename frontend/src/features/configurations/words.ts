/** Sentences about a configuration. */
import type { Configuration } from '~/lib/api'

/** Says that a configuration was saved, which parts of chains were added to it, and what comes next. */
export function savedText({ name, note }: Pick<Configuration, 'name' | 'note'>, next = ''): string {
  return [`Configuration ${name} saved`, note, next].filter(Boolean).join('; ')
}
