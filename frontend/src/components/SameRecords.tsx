/** A link to the stream that announced the same records first; nothing when this one did. */

import type { Stream } from '~/lib/api'
import { StreamLink } from './ButtonLink'

export function SameRecords({ stream }: { stream: Pick<Stream, 'same_as'> }) {
  if (stream.same_as === null) return null
  return (
    <>
      same records as{' '}
      <StreamLink id={stream.same_as} inherit>
        stream {stream.same_as}
      </StreamLink>
    </>
  )
}
