/**
 * The recording half of capture alone: reads a slot into memory first, as fast as it comes, then takes the same bytes through
 * capture's own stream recorder into a journal. The clock runs over the second part, to the last flush.
 *
 *   node bench/subjects/append-from-memory.ts URL SLOT PUBLICATION COMMITS DIRECTORY
 */
import { setImmediate } from 'node:timers/promises';

import type { ChangeRecorder } from '../../src/capture/change-recorder.ts';
import { MessageFramer } from '../../src/capture/postgres/replication/message-framer.ts';
import { openReplicationConnection } from '../../src/capture/postgres/replication/pg-replication-connection.ts';
import { StreamRecorder } from '../../src/capture/postgres/replication/stream-recorder.ts';
import { encodeStandbyStatus } from '../../src/capture/postgres/replication/wire.ts';
import { streamByteLimits } from '../../src/capture/postgres/source/source-options.ts';
import { lsnZero } from '../../src/model/lsn.ts';
import type { SourceIdentity } from '../../src/model/source-identity.ts';
import { parseConnectionUrl } from '../../src/postgres/connection-options.ts';
import { openBenchJournal, openBenchWriter } from '../workload/filled-journal.ts';

const [url = '', slot = '', publication = '', commits = '0', directory = ''] = process.argv.slice(2);
const wanted = Number(commits);
/** What a read of a flooded stream brings; the recording itself reads without pauses, some hundred bytes at a time. */
const readByteCount = 262_144;

const stream = await recordStream();
await using journal = await openBenchJournal(directory);
await using writer = await openBenchWriter(journal, stream.identity);
const startedAt = performance.now();
const rows = await append(writer);
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows, commits: wanted, seconds })}\n`);

interface RecordedStream {
  readonly identity: SourceIdentity;
  readonly chunks: readonly Uint8Array[];
}

async function recordStream(): Promise<RecordedStream> {
  const connection = await openReplicationConnection(parseConnectionUrl(url));
  try {
    const { systemId, timeline, databaseName } = await connection.identifySystem();
    const chunks: Uint8Array[] = [];
    const framer = new MessageFramer();
    const ended = Promise.withResolvers<void>();
    let commitCount = 0;
    const server = connection.start(
      { slotName: slot, publicationNames: [publication] },
      {
        bytes(bytes) {
          chunks.push(bytes);
          framer.push(bytes, (message, start) => {
            if (message[start] === 0x64 && message[start + 5] === 0x77 && message[start + 30] === 0x43)
              commitCount += 1;
          });
          if (commitCount >= wanted) ended.resolve();
        },
        closed: (error) => ended.reject(error),
      },
    );
    const status = { receivedLsn: lsnZero, confirmedLsn: lsnZero, nowMicros: 0n, isReplyRequested: false };
    const keepAlive = setInterval(() => server.send(encodeStandbyStatus(status)), 5000);
    server.resume();
    await ended.promise.finally(() => clearInterval(keepAlive));
    server.pause();
    const identity: SourceIdentity = {
      systemId,
      timeline,
      databaseName,
      databaseOid: 1,
      slotName: slot,
      publicationNames: [publication],
      publicationOids: [1],
      sessionSettings: connection.sessionSettings,
      tables: [`public.${publication}`],
      uncopiedTables: [],
    };
    return { identity, chunks: cutIntoReads(Buffer.concat(chunks)) };
  } finally {
    await connection.close();
  }
}

function cutIntoReads(bytes: Buffer): readonly Uint8Array[] {
  const reads: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += readByteCount) {
    reads.push(bytes.subarray(start, start + readByteCount));
  }
  return reads;
}

/** Appends everything, flushing as capture does: at once, and again for what came meanwhile. Resolves with the rows. */
async function append(recorder: ChangeRecorder): Promise<number> {
  const recording = new StreamRecorder({
    recorder,
    slotLsn: lsnZero,
    spillByteCount: streamByteLimits.spillByteCount,
    output: {
      sendStatus() {},
      canarySeen() {},
      control(messageTag) {
        // The answer to START_REPLICATION stands in front of the stream.
        if (messageTag !== 0x57) throw new Error(`a message of kind ${messageTag} stands in the stream`);
      },
    },
  });
  let flushing: Promise<void> | undefined;
  for (const bytes of stream.chunks) {
    if (recording.receive(bytes)) flushing ??= flush();
    await setImmediate();
    if (recorder.pendingByteCount > streamByteLimits.pendingByteCountMax) await flushing;
  }
  await flushing;
  const end = await recorder.flush();
  if (end.sequence !== BigInt(wanted)) throw new Error(`the journal ends at ${end.sequence}, not ${wanted}`);
  return recording.counts.records;

  async function flush(): Promise<void> {
    const durable = await recorder.flush();
    recording.flushed(durable.recordedLsn);
    flushing = undefined;
  }
}
