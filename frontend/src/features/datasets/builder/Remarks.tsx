/** What was noticed in the records, and what to do about it: the severity as icon and word. */
import { IconAlertTriangle, IconCircleX, IconInfoCircle } from '@tabler/icons-react'
import type { Remark } from '~/lib/api'
import classes from './Builder.module.css'

const ICONS = { error: IconCircleX, warning: IconAlertTriangle, info: IconInfoCircle }
const WORDS = { error: 'Error', warning: 'Warning', info: 'Note' }

export function Remarks({ remarks, label }: { remarks: readonly Remark[]; label: string }) {
  if (remarks.length === 0) return null
  return (
    <ul className={classes.remarks} aria-label={label}>
      {remarks.map((each) => (
        <li key={`${each.code}:${each.message}`}>
          <RemarkLine remark={each} />
        </li>
      ))}
    </ul>
  )
}

export function RemarkLine({ remark }: { remark: Pick<Remark, 'severity' | 'message' | 'hint'> }) {
  const Icon = ICONS[remark.severity]
  return (
    <span className={classes.remark} data-severity={remark.severity}>
      <Icon size={14} role="img" aria-label={WORDS[remark.severity]} />
      <span style={{ overflowWrap: 'anywhere' }}>
        {remark.message}
        {remark.hint && `; ${remark.hint}`}
      </span>
    </span>
  )
}
