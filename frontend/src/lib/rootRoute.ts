/** The root that every feature hangs its routes on. */
import { createRootRoute } from '@tanstack/react-router'

export const rootRoute = createRootRoute()
