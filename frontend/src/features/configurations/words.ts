/** What a configuration says of itself. */
import type { Configuration } from '~/lib/api'

/** That it is saved, what of chains was added to it, and what comes next. */
export function savedText({ name, note }: Pick<Configuration, 'name' | 'note'>, next = ''): string {
  return [`Configuration ${name} saved`, note, next].filter(Boolean).join('; ')
}
