import type { LaneOptions, ResolvedLaneOptions } from '../delivery/lane-options.ts';
import type { EventKinds } from '../model/event-kinds.ts';
import type { Logger } from '../foundation/logger.ts';

/** A secret by value, by file (first line, trimmed), or by a callback that is asked when it is needed. */
export type SecretSource = string | { readonly file: string } | (() => string | Promise<string>);

/** A table of the form (id, event_type, payload, created_at, published) that the application has already. */
export interface AdoptedOutboxOptions {
  readonly table: string;
  /** What happens to rows whose events are in the journal: nothing, `published = true`, or deletion in batches. */
  readonly cleanUp: 'none' | 'mark' | 'delete';
}

interface SourceOptions {
  readonly url: SecretSource;
  readonly slot?: string | undefined;
  readonly publication: string;
  readonly tables: readonly string[];
  readonly create: 'if-missing' | 'never';
  readonly outboxSchema: string;
  readonly adoptedOutboxes: readonly AdoptedOutboxOptions[];
  readonly canaryIntervalMs: number | false;
  readonly flushIntervalMs: number;
  readonly snapshot: boolean;
}

interface JournalOptions {
  readonly directory: string;
  readonly segmentBytes: number;
  readonly minimumAgeMs: number;
  readonly maxBytes: number;
  readonly atLimit: 'stop-capture' | 'detach-lane';
}

interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly token?: SecretSource | undefined;
  readonly allowedHosts: readonly string[];
}

/** What the user writes. `docs/reference/configuration.md` explains each option and its default. */
export interface HeadwaterConfig {
  readonly installation?: string;
  readonly source: Pick<SourceOptions, 'url'> & Partial<SourceOptions>;
  readonly journal?: Partial<JournalOptions>;
  /** One lane for each sink, by name. */
  readonly lanes?: Readonly<Record<string, LaneOptions>>;
  /** The catalogue of `defineEvents`. */
  readonly events?: EventKinds;
  readonly http?: false | Partial<HttpOptions>;
  readonly stopTimeoutMs?: number;
  readonly logger?: Logger;
}

/** What the parts get: every default filled in. */
export interface ResolvedConfig {
  readonly installation: string;
  readonly source: SourceOptions;
  readonly journal: JournalOptions;
  readonly lanes: Readonly<Record<string, ResolvedLaneOptions>>;
  readonly events?: EventKinds | undefined;
  readonly http: false | HttpOptions;
  readonly stopTimeoutMs: number;
  readonly logger?: Logger | undefined;
}
