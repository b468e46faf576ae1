/** The root route, to which every feature adds its routes. */
import { createRootRoute } from '@tanstack/react-router'

export const rootRoute = createRootRoute()
