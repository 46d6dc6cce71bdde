import type { Clock } from '../foundation/clock.ts';
import type { Logger } from '../foundation/logger.ts';
import type { Random } from '../foundation/random.ts';
import type { JournalReader } from '../journal/journal-reader.ts';
import type { StateStore } from '../journal/state-store.ts';
import type { JournalTail } from './journal-tail.ts';
import type { SourceCopies } from './lane-copy.ts';
import type { ResolvedLaneOptions } from './lane-options.ts';
import type { TokenPlaces } from './token-places.ts';

/** What a lane needs. Everything is lent: the owner closes it after the lane has stopped. */
export interface LaneDependencies {
  readonly installation: string;
  readonly laneName: string;
  readonly options: ResolvedLaneOptions;
  /** The names of all configured lanes, this one included. */
  readonly configuredNames: readonly string[];
  readonly reader: JournalReader;
  readonly tail: JournalTail;
  readonly states: StateStore;
  /** What the source says of the copies of older rows now. */
  readonly copies: () => SourceCopies;
  /** Where the journal has what version tokens stand for. Default: nowhere. */
  readonly tokens?: TokenPlaces | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long a pause or stop waits for what is under way, then gives it up. Default 10,000 ms. */
  readonly stopTimeoutMs?: number;
}
