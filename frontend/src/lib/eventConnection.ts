/**
 * A stream of server-sent events that detects silence. The platform sends a sign of life every two seconds. After five
 * seconds without one, or when the browser reports that it is offline, the state is unknown. A lost network or a
 * stalled proxy does not end a connection, so a silent connection is replaced.
 */

/** The longest silence of a live stream. It tolerates two missing signs of life. */
export const SILENT_MS = 5_000
/** A connection that has been silent for this long is replaced, and so is each later one. */
const REPLACED_AFTER_MS = 10_000
const AFTER_REFUSAL_MS = 4_000
const LOOK_MS = 500

export type Connection = 'connecting' | 'live' | 'lost'

export interface Handlers {
  /** ``heardAt``: when the stream was last heard, in milliseconds since 1970; at first, when it was opened. */
  state: (state: Connection, heardAt: number) => void
  /**
   * Called when a stream opens; earlier changes were missed. ``replaced``: whether the stream before it had gone
   * silent.
   */
  opened: (replaced: boolean) => void
  event: (name: string, data: Record<string, unknown>) => void
  /**
   * Called when the browser gives up, such as while the platform starts or after the session ended. The connection is
   * tried again.
   */
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

  /** ``after``: the id of the event after which the stream begins; null for now. */
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
      // A browser reconnects automatically after a cut, but not after a refusal.
      if (source.readyState !== EventSource.CLOSED) return
      this.handlers.refused()
      clearTimeout(this.again)
      this.again = setTimeout(() => this.connect(), AFTER_REFUSAL_MS)
    }
    source.addEventListener('alive', () => this.heard())
    for (const name of this.names) {
      source.addEventListener(name, (message: MessageEvent<string>) => {
        this.heard()
        // A new connection continues after this event. The browser remembers it only for its own reconnections.
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
   * The browser reports that it is offline. An open stream may seem alive although the platform is unreachable. The
   * platform may also be reachable, if it runs on the same machine. Only a new connection can tell.
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
