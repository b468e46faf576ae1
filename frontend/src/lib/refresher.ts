/** Reads queries again when events tell that what they show has changed: no more than needed, and never all the time. */
import type { Query, QueryClient } from '@tanstack/react-query'

/** Queries are read again at most this often, however many events come. */
const REFRESH_MS = 1_000
/** Reading may take this share of the time: a page of much, or a slow platform, is read more seldom. */
const SHARE = 0.25
/** A read that takes longer holds up no other. */
const PATIENCE_MS = 5_000

const ALL = 'all'
type Dirty = ReadonlyMap<string, ReadonlySet<string> | typeof ALL>

/** Queries have their topics as tags; a query of several topics is read once for all of them. */
export class Refresher {
  /** By topic the objects that changed. */
  private dirty: Map<string, ReadonlySet<string> | typeof ALL> = new Map()
  private timer: ReturnType<typeof setTimeout> | undefined
  private reading = false
  private stopped = false

  constructor(private readonly queryClient: QueryClient) {}

  /** At once for the first event, then bounded; the last event is never left out. */
  refresh(...topics: readonly string[]): void {
    for (const topic of topics) this.dirty.set(topic, ALL)
    this.begin()
  }

  /** As ``refresh``, but what is read of another object than ``id`` alone stays as it is. */
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
    // A read in progress may have started before the change, so it is repeated once it has ended.
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
    // A list, and what is of several topics, shows any object.
    return objects === ALL || (objects !== undefined && (id === undefined || objects.has(String(id))))
  })
}
