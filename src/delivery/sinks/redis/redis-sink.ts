import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../checkpoint-text.ts';
import type { Checkpoint } from '../../checkpoint.ts';
import type { OutboundBatch, OutboundRecord, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../../sink.ts';
import { missingRow } from './key-operation.ts';
import { escapeName } from './key-pattern.ts';
import { type RedisSinkOptions, resolveRedisOptions, type ResolvedRedisOptions } from './redis-options.ts';
import { RedisConnection } from './redis-connection.ts';
import { planScript, type ScriptOperations } from './script-arguments.ts';
import { checkServer, parseServerReport } from './server-check.ts';
import { claimScript, writeEntriesScript, writeKeysScript } from './write-script.lua.ts';

/**
 * Describes a Redis that rows and events are written to, as values under keys or as entries of streams. Opens nothing.
 * Effectively once in Redis by data and position in one script; data that Redis loses take the position with them.
 * @throws HW-REDIS-001 for options that are not valid.
 */
export function redisSink(options: RedisSinkOptions): SinkDefinition {
  const resolved = resolveRedisOptions(options);
  return {
    kind: 'redis',
    target: resolved.target,
    accepts: (record) => acceptsRecord(resolved, record),
    async open(context) {
      const sink = new RedisSink(resolved, context);
      try {
        await sink.connect(context.signal);
        return sink;
      } catch (thrown) {
        await sink[Symbol.asyncDispose]();
        throw thrown;
      }
    },
  };
}

/** What the sink holds of a source transaction that goes on. */
interface HeldTransaction {
  readonly from: Checkpoint;
  readonly records: readonly OutboundRecord[];
  readonly byteCount: number;
}

interface PlannedBatch {
  readonly batch: OutboundBatch;
  readonly operations: ScriptOperations;
}

/** Events are no rows: with keys they need a pattern. */
function acceptsRecord({ layout }: ResolvedRedisOptions, record: JournalRecord): boolean {
  return layout.form === 'stream' || record.kind !== 'event' || layout.events !== undefined;
}

/**
 * How a batch takes effect once:
 *
 *   open:   claim ─► the position, if there is one, and this writer holds the lane
 *   write:  one script: position as expected? ─► all operations and the new position; else nothing
 *   after a failure: connect, claim ─► the position says what became of the write, and of anything that Redis lost
 *
 * R1: a command whose reply was lost may still be on its way; it finds the position moved on, or another writer, and does nothing.
 * R2: when Redis lost its latest writes, its position is older as well: the lane goes back to it. When it lost all, there is
 *     none, and the lane refuses to go on by name.
 */
class RedisSink implements Sink {
  readonly capabilities: SinkCapabilities;
  readonly #options: ResolvedRedisOptions;
  readonly #context: SinkContext;
  readonly #laneKey: string;
  readonly #writer: string;
  #epoch = '0';
  #connection: RedisConnection | undefined;
  #hasWarned = false;
  /** Undefined: Redis holds none. */
  #checkpoint: Checkpoint | undefined;
  #held: HeldTransaction | undefined;
  /** Planned in the time of the write before it. */
  #ahead: PlannedBatch | undefined;
  #doubt: (() => void) | undefined;

  constructor(options: ResolvedRedisOptions, context: SinkContext) {
    const { installation, laneName, random } = context;
    this.capabilities = { unit: 'transaction', checkpointIn: 'sink', recordBytesMax: options.recordBytesMax };
    this.#options = options;
    this.#context = context;
    this.#laneKey = `${options.positionPrefix}lane:${escapeName(installation)}:${escapeName(laneName)}`;
    this.#writer = Buffer.from(random.bytes(12)).toString('base64url');
  }

  accepts = (record: JournalRecord): boolean => acceptsRecord(this.#options, record);

  /** Opens the connection, looks at the server, and takes the lane over or up again. @throws HW-SINK and HW-REDIS codes */
  async connect(signal: AbortSignal): Promise<RedisConnection> {
    if (this.#connection?.isOpen === true) return this.#connection;
    const connection = await RedisConnection.open(this.#options, {
      clock: this.#context.clock,
      signal,
      onLost: () => this.#doubt?.(),
    });
    try {
      await this.#inspect(connection, signal);
      await this.#claim(connection, signal);
    } catch (thrown) {
      connection.close();
      throw thrown;
    }
    this.#connection = connection;
    return connection;
  }

  async readCheckpoint(signal: AbortSignal): Promise<Checkpoint | undefined> {
    this.#held = undefined;
    if (this.#connection?.isOpen === true) await this.#claim(this.#connection, signal);
    else await this.connect(signal);
    return this.#checkpoint;
  }

  onDoubt(listener: () => void): void {
    this.#doubt = listener;
    if (this.#connection?.isOpen === false) queueMicrotask(listener);
  }

  prepare(batch: OutboundBatch): void {
    if (!batch.endsTransaction || this.#held !== undefined || this.#ahead?.batch === batch) return;
    this.#ahead = undefined;
    try {
      this.#ahead = { batch, operations: this.#plan(batch.records, batch.to.journalId) };
    } catch {
      // `write` meets the same fault when it is the batch's turn, and throws it.
    }
  }

  async write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const held = this.#hold(batch);
    if (!batch.endsTransaction && held.byteCount <= this.#options.transactionBytesMax) {
      this.#held = held;
      return;
    }
    this.#held = undefined;
    const operations = this.#takePlan(batch) ?? this.#plan(held.records, batch.to.journalId);
    const connection = await this.#connectAgain(signal);
    const answer = await connection.send(
      this.#writeCommand(operations, held.from, batch.to),
      'writing a batch',
      signal,
    );
    this.#assertWritten(answer, operations, held.from);
    this.#checkpoint = batch.to;
  }

  /** A position that is gone must not pass for one that never was: the write would begin anew behind a hole. */
  async #connectAgain(signal: AbortSignal): Promise<RedisConnection> {
    const known = this.#checkpoint;
    const connection = await this.connect(signal);
    if (known === undefined || this.#checkpoint !== undefined) return connection;
    throw new HeadwaterError('HW-REDIS-008', `Redis has lost the position behind sequence ${known.sequence}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#connection?.close();
    return Promise.resolve();
  }

  /** The batch with what was held of its transaction before. */
  #hold({ from, records }: OutboundBatch): HeldTransaction {
    const byteCount = records.reduce((sum, record) => sum + record.byteCount, 0);
    const held = this.#held;
    if (held === undefined) return { from, records, byteCount };
    return { from: held.from, records: [...held.records, ...records], byteCount: held.byteCount + byteCount };
  }

  /** What `prepare` planned for this batch; nothing was held of its transaction then, nor is now. */
  #takePlan(batch: OutboundBatch): ScriptOperations | undefined {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead?.batch === batch ? ahead.operations : undefined;
  }

  #plan(records: readonly OutboundRecord[], journalId: string): ScriptOperations {
    const { layout, positionPrefix } = this.#options;
    return planScript(records, layout, { journalId, positionPrefix, lacksRows: this.#context.lacksRows });
  }

  #writeCommand(operations: ScriptOperations, from: Checkpoint, to: Checkpoint): readonly (string | Uint8Array)[] {
    const { layout } = this.#options;
    return [
      'EVAL',
      layout.form === 'stream' ? writeEntriesScript : writeKeysScript,
      String(operations.keys.length + 1),
      this.#laneKey,
      ...operations.keys,
      this.#writer,
      this.#checkpoint === undefined ? '' : placeOf(from),
      placeOf(to),
      encodeCheckpoint(to),
      to.journalId,
      String(layout.form === 'stream' ? layout.maxLength : layout.tombstoneMs),
      ...operations.arguments,
    ];
  }

  #assertWritten(answer: unknown, { records }: ScriptOperations, from: Checkpoint): void {
    const [verdict, number] = readAnswer(answer);
    const { laneName, logger } = this.#context;
    if (verdict === 'ok') {
      const outweighedCount = Number(number);
      if (outweighedCount > 0)
        logger.info('redis already held newer writes of some keys', { lane: laneName, outweighedCount });
      return;
    }
    const outbound = records[Number(number) - 1];
    if (verdict === 'missing' && outbound !== undefined) throw missingRow(outbound);
    const details = { lane: laneName, sequence: String(from.sequence) };
    if (verdict === 'behind' || verdict === 'foreign') {
      const subject = `record ${outbound?.id ?? ''}`;
      throw verdict === 'behind'
        ? new HeadwaterError(
            'HW-REDIS-009',
            `${subject} has its place before the end of its stream, or the stream is fed from another journal`,
            { details },
          )
        : new HeadwaterError('HW-REDIS-010', `${subject} belongs into a key that holds no stream`, { details });
    }
    const reason = reasons[verdict] ?? verdict;
    throw new HeadwaterError('HW-REDIS-008', `a batch behind sequence ${from.sequence} was not written: ${reason}`, {
      details,
    });
  }

  /** The user may lack the right to ask, or a service may not know the question. */
  async #inspect(connection: RedisConnection, signal: AbortSignal): Promise<void> {
    const ask = async (...words: readonly string[]): Promise<unknown> => {
      try {
        return await connection.send(words, 'asking Redis for its settings', signal);
      } catch (thrown) {
        if (thrown instanceof HeadwaterError && deniedCodes.has(thrown.code)) return undefined;
        throw thrown;
      }
    };
    const { installation, laneName, logger } = this.#context;
    await ask('CLIENT', 'SETNAME', `headwater-${escapeName(installation)}-${escapeName(laneName)}`);
    const report = await ask('INFO');
    const setting = await ask('CONFIG', 'GET', 'appendfsync');
    const appendFsync: unknown = Array.isArray(setting) ? setting[1] : undefined;
    const facts = {
      report: typeof report === 'string' ? parseServerReport(report) : undefined,
      appendFsync: typeof appendFsync === 'string' ? appendFsync : undefined,
    };
    const warnings = checkServer(facts, this.#options);
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    for (const warning of warnings) logger.warn('redis promises less than it could', { lane: laneName, warning });
  }

  async #claim(connection: RedisConnection, signal: AbortSignal): Promise<void> {
    const { installation, journalId, laneName } = this.#context;
    const words = ['EVAL', claimScript, '1', this.#laneKey, this.#epoch, this.#writer, journalId];
    const answer = await connection.send(words, 'taking the lane over in Redis', signal);
    const [verdict, value, checkpoint = ''] = readAnswer(answer);
    if (verdict === 'fenced') {
      const message = `another process has taken over lane "${laneName}" of "${installation}"`;
      throw new HeadwaterError('HW-SINK-008', message, { details: { lane: laneName } });
    }
    if (verdict !== 'ok' || value === undefined)
      throw new HeadwaterError('HW-REDIS-014', `the position in ${this.#laneKey} has version ${value ?? 'none'}`);
    this.#epoch = value;
    this.#checkpoint = checkpoint === '' ? undefined : decodeCheckpoint(checkpoint);
  }
}

/** What was refused because the user may not, or because the server does not know it. */
const deniedCodes: ReadonlySet<string> = new Set(['HW-SINK-003', 'HW-REDIS-015']);

const reasons: Readonly<Record<string, string>> = {
  lost: 'the server no longer knows the lane',
  fenced: 'another process has taken the lane over, or the server forgot its latest writes',
  moved: 'the position in Redis is another one',
};

function readAnswer(answer: unknown): readonly [string, ...string[]] {
  const [verdict, ...rest] = Array.isArray(answer) ? answer.map(String) : [];
  return [verdict ?? 'no answer that this release knows', ...rest];
}

/** A place as the script compares it: two checkpoints of one place may differ in what else they say. */
function placeOf({ journalId, recordCount, sequence }: Checkpoint): string {
  return `${journalId} ${sequence}+${recordCount}`;
}
