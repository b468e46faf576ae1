/** Links of the router that look like Mantine's anchors and buttons. */
import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import { type AnchorHTMLAttributes, forwardRef } from 'react'

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
