import { systemClock } from '../foundation/clock.ts';
import type { Logger } from '../foundation/logger.ts';
import { systemRandom } from '../foundation/random.ts';
import type { OpenedJournal } from '../journal/embedded/open-journal.ts';
import { CaptureSupervisor } from './capture-supervisor.ts';
import { qualifyTable, slotNameOf } from './config.ts';
import type { ResolvedConfig } from './config-types.ts';
import { readSecret } from './secret.ts';

/** Capture as the configuration says, into the journal. Nothing is started. */
export function createCapture(config: ResolvedConfig, journal: OpenedJournal, logger: Logger): CaptureSupervisor {
  const { installation, source, stopTimeoutMs } = config;
  return new CaptureSupervisor({
    input: {
      installation,
      slotName: slotNameOf(config),
      publicationName: source.publication,
      tables: source.tables,
      requiredTables: source.adoptedOutboxes.map(({ table }) => qualifyTable(table)),
      outboxTable: `${source.outboxSchema}.outbox`,
      create: source.create,
      canaryIntervalMs: source.canaryIntervalMs,
      flushIntervalMs: source.flushIntervalMs,
      snapshot: source.snapshot,
      journal: journal.writerInput,
    },
    sourceUrl: () => readSecret(source.url, 'source.url'),
    clock: systemClock,
    random: systemRandom,
    logger,
    stopTimeoutMs,
  });
}
