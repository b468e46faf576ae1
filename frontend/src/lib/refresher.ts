/** Reads queries again when events say that their data changed: no more than necessary, and at a bounded rate. */
import type { Query, QueryClient } from '@tanstack/react-query'

/** The shortest time between two rounds of reading, however many events arrive. */
const REFRESH_MS = 1_000
/** The largest share of the time spent reading. A large page or a slow platform is read less often. */
const SHARE = 0.25
/** A read that takes longer than this does not delay the others. */
const PATIENCE_MS = 5_000

const ALL = 'all'
type Dirty = ReadonlyMap<string, ReadonlySet<string> | typeof ALL>

/** Queries carry their topics as tags. A query of several topics is read once for all of them. */
export class Refresher {
  /** The changed objects by topic. */
  private dirty: Map<string, ReadonlySet<string> | typeof ALL> = new Map()
  private timer: ReturnType<typeof setTimeout> | undefined
  private reading = false
  private stopped = false

  constructor(private readonly queryClient: QueryClient) {}

  /** Reads again at once after the first event, then at a bounded rate. The last event is never lost. */
  refresh(...topics: readonly string[]): void {
    for (const topic of topics) this.dirty.set(topic, ALL)
    this.begin()
  }

  /** Like ``refresh``, except that queries of a single object other than ``id`` are not read again. */
  refreshOne(topic: string, id: unknown): void {
    if (typeof id !== 'number') {
      this.refresh(topic)
      return
    }
    const known = this.dirty.get(topic)
    if (known !== ALL) this.dirty.set(topic, new Set(known).add(String(id)))
    this.begin()
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
    this.dirty.clear()
  }

  private begin(): void {
    if (!this.reading && this.timer === undefined) void this.flush()
  }

  private async flush(): Promise<void> {
    const { dirty } = this
    this.dirty = new Map()
    this.reading = true
    const began = Date.now()
    await Promise.race([this.read(dirty), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))])
    this.reading = false
    if (this.stopped) return
    const took = Date.now() - began
    const rest = Math.max(REFRESH_MS - took, took * (1 / SHARE - 1))
    this.timer = setTimeout(() => {
      this.timer = undefined
      if (this.dirty.size > 0) void this.flush()
    }, rest)
  }

  private async read(dirty: Dirty): Promise<void> {
    const filters = { predicate: ({ queryKey }: Query) => isDirty(queryKey, dirty) }
    // A read in progress may have started before the change, so it is repeated after it has ended.
    const running = this.queryClient.getQueryCache().findAll({ ...filters, fetchStatus: 'fetching' })
    await Promise.race([
      Promise.allSettled(running.map((query) => query.promise)),
      new Promise((resolve) => setTimeout(resolve, PATIENCE_MS)),
    ])
    if (!this.stopped) await this.queryClient.invalidateQueries(filters)
  }
}

function isDirty(queryKey: readonly unknown[], dirty: Dirty): boolean {
  const [key] = queryKey as [{ tags?: readonly string[]; path?: { id?: unknown } }?]
  const id = key?.path?.id
  return (key?.tags ?? []).some((tag) => {
    const objects = dirty.get(tag)
    // Lists and queries of several objects have no id, so any changed object affects them.
    return objects === ALL || (objects !== undefined && (id === undefined || objects.has(String(id))))
  })
}
