/**
 * A stream of server-sent events that knows whether it is heard. The platform gives a sign of life every two seconds:
 * after five without any, or where the browser says that it is offline, nothing is known of how things are now. Neither a
 * network that is gone nor a proxy that stands still ends a connection, so one that stays silent is replaced.
 */

/** Longest silence of a live stream, which allows two late signs of life. */
export const SILENT_MS = 5_000
/** A silent connection is given up after so long, and so is each after it. */
const REPLACED_AFTER_MS = 10_000
const AFTER_REFUSAL_MS = 4_000
const LOOK_MS = 500

export type Connection = 'connecting' | 'live' | 'lost'

export interface Handlers {
  /** ``heardAt``: when something was heard last, in milliseconds since 1970; at first when it was begun. */
  state: (state: Connection, heardAt: number) => void
  /** Called when a stream opens. Earlier changes were not seen. ``replaced``: the stream before it went silent. */
  opened: (replaced: boolean) => void
  event: (name: string, data: Record<string, unknown>) => void
  /** The browser has given up, as for a platform that starts or a session that has ended. It is tried again here. */
  refused: () => void
}

export class EventConnection {
  private source: EventSource | undefined
  private state: Connection = 'connecting'
  private heardAt = Date.now()
  private triedAt = Date.now()
  private replacing = false
  private again: ReturnType<typeof setTimeout> | undefined
  private readonly look: ReturnType<typeof setInterval>

  /** ``after``: the event after which it begins; null: now. */
  constructor(
    private readonly url: string,
    private after: string | number | null,
    private readonly names: readonly string[],
    private readonly handlers: Handlers,
  ) {
    this.connect()
    this.look = setInterval(this.watch, LOOK_MS)
    window.addEventListener('offline', this.doubt)
    window.addEventListener('online', this.replace)
  }

  close(): void {
    clearInterval(this.look)
    clearTimeout(this.again)
    window.removeEventListener('offline', this.doubt)
    window.removeEventListener('online', this.replace)
    this.source?.close()
  }

  private connect(): void {
    this.source?.close()
    clearTimeout(this.again)
    this.triedAt = Date.now()
    const source = new EventSource(this.after === null ? this.url : `${this.url}?last_event_id=${this.after}`)
    this.source = source
    source.onopen = () => {
      const replaced = this.replacing
      this.replacing = false
      this.heard()
      this.handlers.opened(replaced)
    }
    source.onerror = () => {
      this.lose()
      // A browser reconnects automatically after a cut, but never after a refusal.
      if (source.readyState !== EventSource.CLOSED) return
      this.handlers.refused()
      clearTimeout(this.again)
      this.again = setTimeout(() => this.connect(), AFTER_REFUSAL_MS)
    }
    source.addEventListener('alive', () => this.heard())
    for (const name of this.names) {
      source.addEventListener(name, (message: MessageEvent<string>) => {
        this.heard()
        // The browser knows this too, of its own attempts.
        this.after = message.lastEventId || this.after
        this.handlers.event(name, JSON.parse(message.data) as Record<string, unknown>)
      })
    }
  }

  private heard(): void {
    this.heardAt = Date.now()
    this.say('live')
  }

  private readonly watch = (): void => {
    if (Date.now() - this.heardAt < SILENT_MS) return
    this.lose()
    if (Date.now() - Math.max(this.heardAt, this.triedAt) >= REPLACED_AFTER_MS) this.replace()
  }

  private readonly lose = (): void => this.say('lost')

  /**
   * A browser that is offline may keep an open stream although nothing else reaches the platform any more, and one
   * without a network reaches a platform on its own machine: a new connection shows which.
   */
  private readonly doubt = (): void => {
    this.lose()
    this.replace()
  }

  private readonly replace = (): void => {
    this.replacing = true
    this.connect()
  }

  private say(state: Connection): void {
    if (state === this.state) return
    this.state = state
    this.handlers.state(state, this.heardAt)
  }
}
