import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startScratchKafka } from '../../scripts/services/kafka.ts';
import { startScratchPostgres } from '../../scripts/services/postgres.ts';
import type { EmbeddedPostgres } from '../../src/postgres/embedded-server.ts';
import type { BenchmarkContext } from '../benchmark.ts';
import { program, runSubject, type Subject } from '../measure/run-subject.ts';
import { describeRun, type Run } from '../measure/summary.ts';
import { openBenchTopics } from './bench-topics.ts';
import { createSlotRunner } from './run-on-slot.ts';
import { fillSlotWorkload, type SlotWorkload } from './slot-workload.ts';

/** What the Kafka benchmarks stand on: rows in the WAL behind a slot, the same rows in a journal, and a broker. */
export interface KafkaBench {
  readonly server: EmbeddedPostgres;
  readonly workload: SlotWorkload;
  /** A journal with the whole workload; nobody writes to it. */
  readonly journal: string;
  readonly brokers: string;
  /** Runs a subject that writes to a topic of its own, which is removed afterwards. */
  readonly toTopic: (subject: (topic: string) => Subject) => Promise<Run>;
  /** The same with a copy of the slot and a directory of its own. */
  readonly fromSlotToTopic: (subject: (slot: string, directory: string, topic: string) => Subject) => Promise<Run>;
  readonly onSlot: (subject: (slot: string) => Subject) => Promise<Run>;
}

/** A million rows of about 160 bytes. */
const shape = { name: 'rows', transactions: 200, rowsPerTransaction: 5000 };

/** Starts the servers, fills them, lends them, and stops everything. */
export async function withKafkaBench<Result>(
  context: BenchmarkContext,
  use: (bench: KafkaBench) => Promise<Result>,
): Promise<Result> {
  const { signal } = context;
  const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
  try {
    await using server = await startScratchPostgres({
      major: 18,
      signal,
      settings: { max_wal_size: '8GB', checkpoint_timeout: '30min', shared_buffers: '256MB' },
    });
    await using broker = await startScratchKafka({ signal });
    await using topics = await openBenchTopics(broker.brokers);
    const transactions = Math.max(1, Math.round(shape.transactions * context.scale));
    const note = (line: string): void => context.note(line);
    const workload = await fillSlotWorkload({ ...shape, transactions, url: server.url, note });
    const journal = join(scratch, 'journal');
    await fillJournal(context, workload, journal);
    const run = createSlotRunner(workload, scratch, signal);
    let number = 0;
    const withTopic = async (work: (topic: string) => Promise<Run>): Promise<Run> => {
      number += 1;
      const topic = `bench-${number}`;
      await topics.create(topic);
      try {
        return await work(topic);
      } finally {
        await topics.remove(topic);
      }
    };
    return await use({
      server,
      workload,
      journal,
      brokers: broker.brokers.join(','),
      toTopic: (subject) => withTopic((topic) => runSubject(subject(topic), { rows: workload.rows, signal })),
      fromSlotToTopic: (subject) => withTopic((topic) => run((slot, directory) => subject(slot, directory, topic))),
      onSlot: run,
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Takes a whole workload into a journal, to which nobody writes afterwards. */
export async function fillJournal(context: BenchmarkContext, workload: SlotWorkload, journal: string): Promise<void> {
  const { url, publication, commits, rows } = workload;
  const slot = `${publication}_journal`;
  await workload.copySlot(slot);
  const subject = program('subjects/capture-to-journal.ts', [url, slot, publication, commits, rows, journal]);
  const { signal } = context;
  const run = await runSubject(subject, { rows, signal, walsenderPid: () => workload.walsenderPid(slot) });
  await workload.dropSlot(slot);
  context.note(`filled the journal: ${describeRun(run)}`);
}
