/**
 * What a store takes from its client: the records of the journal lie in memory in the form in which the sink would send them, and go
 * out by the bare client. No journal, no decoding, no JSON, no lane.
 *
 *   node bench/peers/client-from-memory.ts KIND DIRECTORY TARGET ROWS
 */
import { defaultBatchLimits } from '../../src/delivery/lane-options.ts';
import { systemClock } from '../../src/foundation/clock.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { openJournalReader } from '../../src/journal/embedded/open-journal-reader.ts';
import { openBareNats, openBareRabbitmq, openBareWebhook } from '../workload/bare-senders.ts';
import { openBareFile, openBarePostgres, openBareRedis, openBareSqlite } from '../workload/bare-stores.ts';
import type { OpenBareWriter } from '../workload/bare-writer.ts';
import { readOutboundRecords } from '../workload/lane-records.ts';
import { parseSinkKind, type SinkKind } from '../workload/sink-kinds.ts';

interface Peer {
  readonly open: OpenBareWriter;
  /** In batches one behind the other, or all in one stream. */
  readonly isBatched: boolean;
}

const peers: Readonly<Record<SinkKind, Peer>> = {
  postgres: { open: openBarePostgres, isBatched: true },
  sqlite: { open: openBareSqlite, isBatched: true },
  file: { open: openBareFile, isBatched: true },
  redis: { open: openBareRedis, isBatched: true },
  nats: { open: openBareNats, isBatched: false },
  rabbitmq: { open: openBareRabbitmq, isBatched: false },
  webhook: { open: openBareWebhook, isBatched: false },
};

const [word = '', directory = '', target = '', rows = '0'] = process.argv.slice(2);
const { isBatched, open } = peers[parseSinkKind(word)];
const rowCount = Number(rows);

await using journal = await openJournalReader({ directory, disk: nodeDisk, clock: systemClock });
await using writer = await open(target, await readOutboundRecords(journal, rowCount));
const startedAt = performance.now();
const batchCount = isBatched ? defaultBatchLimits.recordCountMax : rowCount;
for (let from = 0; from < rowCount; from += batchCount) await writer.write(from, Math.min(batchCount, rowCount - from));
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows: rowCount, seconds })}\n`);
