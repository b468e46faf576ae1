/** Remarks about the records and what to do about them; the severity is shown as icon and word. */
import { ActionIcon, Anchor } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { IconAlertTriangle, IconCircleX, IconInfoCircle, IconX } from '@tabler/icons-react'
import type { Remark } from '~/lib/api'
import { plural } from '~/lib/format'
import classes from './Preview.module.css'

const ICONS = { error: IconCircleX, warning: IconAlertTriangle, info: IconInfoCircle }
const WORDS = { error: 'Error', warning: 'Warning', info: 'Note' }

/**
 * ``name``: hidden remarks are remembered under it in this browser. Without it none can be hidden. Errors never can.
 */
export function Remarks({ remarks, label, name }: { remarks: readonly Remark[]; label: string; name?: string }) {
  const [hidden, setHidden] = useLocalStorage<string[]>({ key: `kml-hidden-remarks-${name}`, defaultValue: [] })
  if (remarks.length === 0) return null
  const shown = remarks.filter((remark) => name === undefined || !isHidden(remark, hidden))
  const away = remarks.length - shown.length
  return (
    <div>
      {shown.length > 0 && (
        <ul className={classes.remarks} aria-label={label}>
          {shown.map((remark) => (
            <li key={keyOf(remark)} style={{ display: 'flex', gap: 4 }}>
              <RemarkLine remark={remark} />
              {name !== undefined && remark.severity !== 'error' && (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="xs"
                  aria-label={`Hide: ${remark.message}`}
                  onClick={() => setHidden([...hidden, keyOf(remark)])}
                >
                  <IconX size={12} aria-hidden />
                </ActionIcon>
              )}
            </li>
          ))}
        </ul>
      )}
      {away > 0 && (
        <Anchor
          component="button"
          type="button"
          size="xs"
          onClick={() => setHidden(hidden.filter((key) => !remarks.some((remark) => keyOf(remark) === key)))}
        >
          Show {plural(away, 'hidden remark')}
        </Anchor>
      )}
    </div>
  )
}

function isHidden(remark: Remark, hidden: readonly string[]): boolean {
  return remark.severity !== 'error' && hidden.includes(keyOf(remark))
}

// The key of a remark leaves out its text, because the text holds numbers that change with each sample.
function keyOf({ code, path }: Remark): string {
  return [code, ...path].join(':')
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
