import type { Clock } from '../foundation/clock.ts';
import { withDeadline } from '../foundation/deadline.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { JournalReader } from '../journal/journal-reader.ts';
import { formatLsn, type Lsn } from '../model/lsn.ts';
import type { Sequence } from '../model/position.ts';
import { decodeVersionToken, type TokenEntry } from '../model/version-token.ts';

/** How long a token is waited for. */
export interface TokenWaitOptions {
  /** Default 2000 ms. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Default of `timeoutMs`. */
export const tokenTimeoutMsDefault = 2000;

/** The history that a journal records. */
export interface SourcePlace {
  readonly systemId: string;
  readonly timeline: number;
}

/** What is asked. Everything is lent. */
export interface TokenPlacesOptions {
  readonly reader: Pick<JournalReader, 'durableEnd' | 'waitRecorded'>;
  /** Undefined: the source was never met. */
  readonly source: () => Promise<SourcePlace | undefined>;
  /** Has an idle source say how far it is. */
  readonly requestProgress: (lsn: Lsn) => void;
  readonly clock: Clock;
}

/** Under load the next commit tells within this time, and nobody need be asked. */
const patienceMs = 3;
/** Between one request and the next: the source may have been connecting, or hold what is waited for in its memory. */
const requestIntervalMs = 20;
const requestIntervalMsMax = 1000;

/**
 * Finds where the journal has what a version token stands for. The journal tells of a location of the write-ahead log that
 * everything of ours before it is durable, by commits and, when nothing follows, by what an idle source tells; so a commit to tables that
 * nobody publishes is waited for no longer than others.
 */
export class TokenPlaces {
  readonly #options: TokenPlacesOptions;
  #source: SourcePlace | undefined;

  constructor(options: TokenPlacesOptions) {
    this.#options = options;
  }

  /**
   * Resolves with a sequence: whatever committed before the token's location has this one or a lower one, and is durable.
   * @throws HW-TOKEN-001…005, HW-TOKEN-008. Rejects with `signal.reason` on cancel.
   */
  async locate(token: string, options: TokenWaitOptions = {}): Promise<Sequence> {
    const entry = await this.findEntry(token);
    const { reader } = this.#options;
    const end = reader.durableEnd;
    if (end.recordedLsn >= entry.lsn) return end.sequence;
    return await this.#wait(entry, options);
  }

  /** The last sequence that the token can stand for if the journal has it all; undefined if it has not. @throws as `locate` */
  async look(token: string): Promise<Sequence | undefined> {
    const entry = await this.findEntry(token);
    const { recordedLsn, sequence } = this.#options.reader.durableEnd;
    return recordedLsn >= entry.lsn ? sequence : undefined;
  }

  /** What the token asks for of this source. @throws HW-TOKEN-001…004, HW-TOKEN-008 */
  async findEntry(token: string): Promise<TokenEntry> {
    const entries = decodeVersionToken(token);
    this.#source ??= await this.#options.source();
    const known = this.#match(entries);
    if (known !== undefined) return known;
    // The source may have been met, or become another one, since it was asked.
    this.#source = await this.#options.source();
    return this.#match(entries) ?? this.#refuse(entries);
  }

  #match(entries: readonly TokenEntry[]): TokenEntry | undefined {
    const source = this.#source;
    return entries.find(({ systemId, timeline }) => systemId === source?.systemId && timeline === source.timeline);
  }

  #refuse(entries: readonly TokenEntry[]): never {
    const source = this.#source;
    if (source === undefined) throw new HeadwaterError('HW-TOKEN-008', 'the source has not been reached yet');
    const details = { systemId: source.systemId, timeline: source.timeline };
    const other = entries.find(({ systemId }) => systemId === source.systemId);
    if (other === undefined) {
      const systems = entries.map(({ systemId }) => systemId).join(', ');
      throw new HeadwaterError('HW-TOKEN-003', `the token is of system ${systems}, the source is ${source.systemId}`, {
        details,
      });
    }
    const message = `the token is of timeline ${other.timeline}, the source is on ${source.timeline}`;
    throw new HeadwaterError('HW-TOKEN-004', message, { details });
  }

  async #wait(entry: TokenEntry, { signal, timeoutMs = tokenTimeoutMsDefault }: TokenWaitOptions): Promise<Sequence> {
    const { clock, reader, requestProgress } = this.#options;
    let delayMs = patienceMs;
    const request = (): void => {
      requestProgress(entry.lsn);
      delayMs = delayMs === patienceMs ? requestIntervalMs : Math.min(2 * delayMs, requestIntervalMsMax);
      next = clock.setTimer(delayMs, request);
    };
    let next = clock.setTimer(delayMs, request);
    const onTimeout = (): HeadwaterError => this.#notRecorded(entry, timeoutMs);
    try {
      const end = await withDeadline({ clock, timeoutMs, signal, onTimeout }, (ended) =>
        reader.waitRecorded(entry.lsn, ended),
      );
      return end.sequence;
    } finally {
      next.clear();
    }
  }

  #notRecorded({ lsn }: TokenEntry, timeoutMs: number): HeadwaterError {
    const { recordedLsn } = this.#options.reader.durableEnd;
    const lagBytes = Number(lsn - recordedLsn);
    const message = `the journal is at ${formatLsn(recordedLsn)}, ${lagBytes} bytes before the token, after ${timeoutMs} ms`;
    return new HeadwaterError('HW-TOKEN-005', message, { details: { boundary: 'journal', lagBytes, timeoutMs } });
  }
}
