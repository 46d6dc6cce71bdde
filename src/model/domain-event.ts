import type { Instant } from '../foundation/clock.ts';

/** Which way the application wrote the event. */
export type EventOrigin = 'message' | 'outbox' | 'adopted-outbox';

/**
 * A domain event as the application wrote it (event envelope version 1, `docs/reference/event-envelope.md`). The payload
 * stays bytes up to every sink.
 */
export interface DomainEvent {
  /** UUIDv7 given at emit; stable over every delivery, so that receivers can drop duplicates by it. */
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  /** Events of one key are delivered in commit order. Null: no order is promised. */
  readonly key: string | null;
  /** Name of the installation that wrote it. */
  readonly source: string;
  readonly occurredAt: Instant;
  readonly contentType: string;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly keyVersion?: string;
  readonly tenant?: string;
  readonly traceparent?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  readonly origin: EventOrigin;
}
