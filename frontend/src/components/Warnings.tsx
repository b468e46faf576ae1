/** The warnings of a finished training, shown with the result and in the form that serves it. */
import { plural } from '~/lib/format'
import { Caution } from './Caution'

export function Warnings({ texts, of }: { texts: readonly string[]; of?: string }) {
  const count = texts.length === 1 ? 'Warning' : plural(texts.length, 'warning')
  return <Caution title={of ? `${count} of ${of}` : count} texts={texts} />
}
