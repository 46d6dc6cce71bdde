import { systemClock } from '../foundation/clock.ts';
import { silentLogger } from '../foundation/logger.ts';
import { nodeDisk } from '../foundation/node-disk.ts';
import { systemRandom } from '../foundation/random.ts';
import { openJournal, type OpenedJournal } from '../journal/embedded/open-journal.ts';
import type { ResolvedConfig } from './config-types.ts';
import { createConfiguredDecoder } from './journal-access.ts';
import { type AwaitedJournal, awaitJournal, type StandbyOptions } from './standby.ts';

/**
 * Opens the configured journal as its owner; with `standby`, once it is free.
 * @throws as `openOwnJournal` and `awaitJournal`
 */
export async function takeOwnJournal(
  config: ResolvedConfig,
  { signal, standby }: { readonly signal?: AbortSignal | undefined; readonly standby?: StandbyOptions | undefined },
): Promise<AwaitedJournal> {
  const open = (): Promise<OpenedJournal> => openOwnJournal(config);
  if (standby === undefined) return { journal: await open(), before: undefined };
  return await awaitJournal({ config, options: standby, open, signal });
}

/** Opens the configured journal as its owner. @throws HW-JOURNAL codes; another owner is a refusal */
function openOwnJournal(config: ResolvedConfig): Promise<OpenedJournal> {
  const { journal, logger } = config;
  return openJournal({
    directory: journal.directory,
    segmentByteCount: journal.segmentBytes,
    disk: nodeDisk,
    clock: systemClock,
    random: systemRandom,
    logger: logger ?? silentLogger,
    createDecoder: () => createConfiguredDecoder(config),
  });
}
