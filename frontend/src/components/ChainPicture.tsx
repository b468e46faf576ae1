/**
 * A chain of sub-models: data enter at the bottom. Each sub-model answers at its own exit or hands its output to the
 * one above it.
 */
import { IconAlertTriangle, IconArrowRight, IconArrowUp } from '@tabler/icons-react'
import { Fragment, type ReactNode } from 'react'
import type { TensorSpec } from '~/lib/api'
import { formatBytes, formatShape } from '~/lib/format'
import { mayBeSame, numbersOf } from '~/lib/shapes'
import { ModelLink } from './ButtonLink'
import classes from './ChainPicture.module.css'
import { shapesText } from './TensorShapes'

export interface ChainPart {
  /** The id of the model; null while the model has not been saved. */
  id: number | null
  name: string
  inputs: readonly TensorSpec[] | undefined
  outputs: readonly TensorSpec[] | undefined
  /** Text shown under the name of the sub-model. */
  note?: ReactNode
}

const FLOAT_BYTES = 4

export function ChainPicture({
  parts,
  current,
}: {
  /** The sub-models from the bottom of the chain to its top. */
  parts: readonly ChainPart[]
  /** Index in ``parts`` of the part whose page this is; it is not drawn as a link. */
  current?: number | undefined
}) {
  const fromTop = parts.map((part, place) => ({ part, place })).reverse()
  return (
    <ol className={classes.chain} aria-label="Chain of sub-models, the top first">
      {fromTop.map(({ part, place }) => {
        const exit = part.outputs?.at(-1)
        const lower = parts[place - 1]
        return (
          <Fragment key={part.id ?? 'new'}>
            <li className={classes.tier}>
              <div className={classes.box} data-current={place === current || undefined}>
                {part.id === null || place === current ? (
                  <span className={classes.name} aria-current={place === current}>
                    {part.name}
                  </span>
                ) : (
                  <ModelLink id={part.id} className={classes.name}>
                    {part.name}
                  </ModelLink>
                )}
                <span className={classes.note}>takes {shapesText(part.inputs)}</span>
                {part.note && <span className={classes.note}>{part.note}</span>}
              </div>
              <span className={classes.exit}>
                <IconArrowRight size={16} aria-hidden />
                exit: {exit ? formatShape(exit.shape, { batch: true }) : '?'}
              </span>
            </li>
            <li className={classes.link}>
              {lower ? (
                <Link lower={lower} upper={part} />
              ) : (
                <Flow text={`samples of shape ${shapesText(part.inputs)}`} />
              )}
            </li>
          </Fragment>
        )
      })}
    </ol>
  )
}

/** The shape of what one sub-model hands up to the next. */
function Link({ lower, upper }: { lower: ChainPart; upper: ChainPart }) {
  // A sub-model with a single output hands nothing up, because that output is its exit.
  const sent = (lower.outputs?.length ?? 0) > 1 ? lower.outputs?.[0] : undefined
  const taken = upper.inputs?.[0]
  if (lower.outputs?.length === 1) return <Flow doubt text={`${lower.name} has one output: nothing goes up`} />
  if (!sent) return <Flow text="what goes up is known when the code is valid" />
  const numbers = numbersOf(sent.shape)
  const shape = formatShape(sent.shape, { batch: true })
  if (taken && !mayBeSame(sent.shape, taken.shape)) {
    return <Flow doubt text={`sends ${shape}, ${upper.name} takes ${formatShape(taken.shape, { batch: true })}`} />
  }
  const size = numbers === null ? '' : `, ${formatBytes(numbers * FLOAT_BYTES)} a sample`
  return <Flow text={`${shape} goes up${size}`} />
}

function Flow({ text, doubt = false }: { text: string; doubt?: boolean }) {
  const Icon = doubt ? IconAlertTriangle : IconArrowUp
  return (
    <span className={classes.flow} data-doubt={doubt || undefined}>
      <Icon size={16} aria-hidden />
      {text}
    </span>
  )
}
