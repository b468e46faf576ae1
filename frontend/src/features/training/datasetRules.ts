/**
 * The training options that do not fit a data set, with reasons. The API refuses them, so the form does not offer them.
 */

export interface Unfit {
  /** The reason against each mode that does not fit. */
  modes: Readonly<Record<string, string>>
  semi_supervised?: string
  confusion_matrix?: string
}

const NONE: Unfit = { modes: {} }

const SEMI_SUPERVISED = 'A data set has no unlabelled samples: announce a stream with an unlabelled topic instead'
const NO_CLASSES = "The data set's labels are numbers, not classes"
const BOUNDED = {
  incremental:
    'This data set has an end, but this mode needs one with no end: create a version with no end, or announce a topic',
}
const ENDLESS = {
  classic: 'This data set has no end, but this mode needs a complete one: create a version with an end',
}

/**
 * The options that do not fit a data set, with the reasons; none without a data set. ``online`` is undefined until it
 * is known; ``labels`` are those of its contract.
 */
export function unfitWays(
  dataset: { online: boolean | undefined; labels?: readonly { kind: string }[] | undefined } | null,
): Unfit {
  if (dataset === null) return NONE
  const modes = dataset.online === undefined ? {} : dataset.online ? ENDLESS : BOUNDED
  const numbers = dataset.labels?.length ? dataset.labels.every(({ kind }) => kind === 'number') : false
  return { modes, semi_supervised: SEMI_SUPERVISED, ...(numbers && { confusion_matrix: NO_CLASSES }) }
}
