import { systemClock } from '../foundation/clock.ts';
import type { Logger } from '../foundation/logger.ts';
import { systemRandom } from '../foundation/random.ts';
import type { OpenedJournal } from '../journal/embedded/open-journal.ts';
import { CaptureSupervisor } from './capture-supervisor.ts';
import type { CaptureThread } from './capture-thread.ts';
import { qualifyTable, slotNameOf } from './config.ts';
import type { ResolvedConfig } from './config-types.ts';
import { readSecret } from './secret.ts';

/** What capture works with besides its configuration. */
export interface CaptureParts {
  readonly journal: OpenedJournal;
  readonly thread: CaptureThread;
  readonly logger: Logger;
}

/** Capture as the configuration says, into the journal. Nothing is started. */
export function createCapture(config: ResolvedConfig, { journal, thread, logger }: CaptureParts): CaptureSupervisor {
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
    thread,
    sourceUrl: () => readSecret(source.url, 'source.url'),
    clock: systemClock,
    random: systemRandom,
    logger,
    stopTimeoutMs,
  });
}
