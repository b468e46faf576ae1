/** Which ways of training do not go with a data set. The API refuses them; the form does not offer them, and says why. */

export interface Unfit {
  /** By mode. */
  modes: Readonly<Record<string, string>>
  semi_supervised?: string
}

const NONE: Unfit = { modes: {} }

const WITH_A_DATASET: Unfit = {
  modes: {
    incremental: 'A data set has an end, and this mode learns a stream without one: announce a topic to the deployment',
  },
  semi_supervised: 'A data set has no samples without labels: announce a stream with an unlabelled topic instead',
}

/** What cannot be chosen beside a data set, with the reasons; nothing without one. */
export function unfitWays(dataset: object | null): Unfit {
  return dataset === null ? NONE : WITH_A_DATASET
}
