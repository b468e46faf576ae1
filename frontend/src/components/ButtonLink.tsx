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

type Room = 'clusters' | 'configurations' | 'inference' | 'models' | 'results' | 'streams' | 'training' | 'visualise'

export interface ObjectLinkProps extends Omit<AnchorProps, 'component'> {
  to: `/${Room}/$id`
  id: number | string
  search?: Record<string, unknown>
  children: ReactNode
}

/** A link to the page of one object, by its number. */
export function ObjectLink({ id, ...props }: ObjectLinkProps) {
  const link = { size: 'sm', params: { id: String(id) }, ...props } as unknown as ComponentProps<typeof AnchorLink>
  return <AnchorLink {...link} />
}
