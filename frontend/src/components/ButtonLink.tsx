/** Links of the router that look like Mantine's anchors and buttons. */
import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import { type AnchorHTMLAttributes, type ComponentProps, forwardRef, type ReactNode } from 'react'

export const ButtonLink = createLink(
  forwardRef<HTMLAnchorElement, Omit<ButtonProps, 'component'> & AnchorHTMLAttributes<HTMLAnchorElement>>(
    (props, ref) => <Button component="a" size="xs" {...props} ref={ref} />,
  ),
)

export const AnchorLink = createLink(
  forwardRef<HTMLAnchorElement, Omit<AnchorProps, 'component'> & AnchorHTMLAttributes<HTMLAnchorElement>>(
    (props, ref) => <Anchor {...props} ref={ref} />,
  ),
)

interface LinkProps extends Omit<AnchorProps, 'component'> {
  search?: Record<string, unknown>
  'aria-label'?: string
}

interface ObjectLinkProps extends LinkProps {
  id: number | string
  children: ReactNode
}

/** A long name without a blank wraps. Otherwise it would push the other columns of a table out of the window. */
const NAME = { overflowWrap: 'anywhere' } as const

/** A link to the page of one object, by its number. */
function objectLink(to: string) {
  return function ObjectLink({ id, ...props }: ObjectLinkProps) {
    const link = { size: 'sm', to, params: { id: String(id) }, style: NAME, ...props } as unknown as ComponentProps<
      typeof AnchorLink
    >
    return <AnchorLink {...link} />
  }
}

export const ModelLink = objectLink('/models/$id')
export const ConfigurationLink = objectLink('/configurations/$id')
export const DeploymentLink = objectLink('/training/$id')
export const ResultLink = objectLink('/results/$id')
export const InferenceLink = objectLink('/inference/$id')
export const StreamLink = objectLink('/streams/$id')
export const DatasetLink = objectLink('/datasets/$id')
export const VisualiseLink = objectLink('/visualise/$id')

/** A link to the page of a topic, which shows its name unless something else is to be shown. */
export function TopicLink({ name, children = name, ...props }: LinkProps & { name: string; children?: ReactNode }) {
  const link = {
    size: 'sm',
    to: '/topics/$name',
    params: { name },
    children,
    style: NAME,
    ...props,
  } as unknown as ComponentProps<typeof AnchorLink>
  return <AnchorLink {...link} />
}
