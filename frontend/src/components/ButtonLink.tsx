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

interface PageLinkProps extends Omit<AnchorProps, 'component'> {
  search?: Record<string, unknown>
  'aria-label'?: string
  children?: ReactNode
}

function PageLink(props: PageLinkProps & { to: string; params: Record<string, string> }) {
  const link = { size: 'sm', ...props } as unknown as ComponentProps<typeof AnchorLink>
  return <AnchorLink {...link} />
}

/** A link to the page of one object, by its number. */
function objectLink(to: string) {
  return function ObjectLink({ id, ...props }: PageLinkProps & { id: number | string }) {
    return <PageLink to={to} params={{ id: String(id) }} {...props} />
  }
}

export const ModelLink = objectLink('/models/$id')
export const ConfigurationLink = objectLink('/configurations/$id')
export const DeploymentLink = objectLink('/training/$id')
export const ResultLink = objectLink('/results/$id')
export const InferenceLink = objectLink('/inference/$id')
export const StreamLink = objectLink('/streams/$id')
export const VisualiseLink = objectLink('/visualise/$id')

/** A link to a topic, by default under its name. */
export function TopicLink({ name, children = name, ...props }: PageLinkProps & { name: string }) {
  return (
    <PageLink to="/topics/$name" params={{ name }} {...props}>
      {children}
    </PageLink>
  )
}
