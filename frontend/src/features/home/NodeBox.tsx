/** One box of the picture, which links to its object. It shows the kind, the state as icon and colour, and a number. */
import { VisuallyHidden } from '@mantine/core'
import { IconActivity, IconBroadcast, IconDatabase, IconSchool, IconStack2 } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import type { ComponentType } from 'react'
import { StateIcon, stateColor } from '~/components/StatusBadge'
import type { PipelineNode } from '~/lib/api'
import type { Step } from './checklist'
import classes from './picture.module.css'
import { addressOf, KIND, nodeText } from './words'

const ICONS: Record<PipelineNode['kind'], ComponentType<{ size?: number; 'aria-hidden'?: boolean }>> = {
  stream: IconActivity,
  topic: IconDatabase,
  configuration: IconStack2,
  deployment: IconStack2,
  run: IconSchool,
  inference: IconBroadcast,
  output: IconDatabase,
}

export function NodeBox({ node }: { node: PipelineNode }) {
  const Icon = ICONS[node.kind]
  const color = node.state ? stateColor(node.state) : 'var(--kml-idle)'
  const { progress } = node
  const failing = node.state === 'failing'
  const useless = node.kind === 'run' && node.score?.useless === true
  const share = progress && progress.epochs > 0 ? Math.min(progress.epoch / progress.epochs, 1) : null
  return (
    <Link to={addressOf(node)} className={classes.box} title={failing ? `${node.name}: ${node.detail}` : node.name}>
      <span className={classes.bar} style={{ background: color }} />
      <span className={classes.name}>
        <Icon size={14} aria-hidden />
        <VisuallyHidden>
          {KIND[node.kind]} {node.id}:
        </VisuallyHidden>
        <Name text={node.name} room={node.tier ? 9 : 15} />
        {node.tier && <span className={classes.tier}>{node.tier}</span>}
      </span>
      <span className={classes.second}>
        {node.state && (
          <span style={{ color, display: 'inline-flex' }}>
            <StateIcon state={node.state} size={13} />
            <VisuallyHidden>{node.state}, </VisuallyHidden>
          </span>
        )}
        <span className={classes.cut} style={{ color: failing ? color : useless ? 'var(--kml-waiting)' : undefined }}>
          {nodeText(node)}
        </span>
      </span>
      {share !== null && (
        <span className={classes.progress} style={{ transform: `scaleX(${share})`, background: color }} />
      )}
    </Link>
  )
}

export function GhostBox({ step, number }: { step: Step; number: number }) {
  const content = (
    <>
      <span className={classes.name}>
        <span className={classes.cut}>
          {number}. {step.word}
        </span>
      </span>
      <span className={classes.second}>
        <span className={classes.cut}>{step.blocked ? 'later' : step.action}</span>
      </span>
    </>
  )
  if (step.blocked) {
    return (
      <div className={classes.box} data-ghost title={step.blocked}>
        {content}
      </div>
    )
  }
  return (
    <Link to={step.to} search={step.search ?? {}} className={classes.box} data-ghost data-next>
      {content}
    </Link>
  )
}

// Length of the end that is always shown. 'digits-1-digits-keras-out' and 'digits-1-digits-pytorch-out' differ only
// near their ends.
const END = 8

/** A name shortened in the middle when it is longer than the room. */
function Name({ text, room }: { text: string; room: number }) {
  if (text.length <= room) return <span className={classes.cut}>{text}</span>
  return (
    <>
      <span className={classes.cut}>{text.slice(0, -END)}</span>
      <span className={classes.whole}>{text.slice(-END)}</span>
    </>
  )
}
