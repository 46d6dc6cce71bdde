import { HeadwaterError } from '../../../foundation/error.ts';
import { type Checkpoint, isSameCheckpoint } from '../../checkpoint.ts';
import type { OutboundBatch, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../../sink.ts';
import { BatchLayout } from './batch-layout.ts';
import { BatchPlan } from './batch-plan.ts';
import { KafkaCluster } from './cluster.ts';
import { isFenced, toKafkaError } from './kafka-error.ts';
import { type KafkaSinkOptions, resolveKafkaOptions, type ResolvedKafkaOptions } from './kafka-options.ts';
import { type KafkaClient, loadKafkaClient } from './load-client.ts';
import {
  encodeCounts,
  encodePosition,
  type LanePosition,
  type PositionOwner,
  type PositionRecord,
} from './position-record.ts';
import { PositionTopic } from './position-topic.ts';
import { type BatchCodec, RecordBatchBuilder } from './record-batch.ts';
import { TopicRegistry } from './topic-registry.ts';
import { type PartitionWrites, TransactionalProducer } from './transactional-producer.ts';

/**
 * A sink that writes records to Kafka topics: effectively once for consumers with `isolation.level=read_committed`, by the lane's
 * position in the same Kafka transaction as the records, and by a new producer epoch after every unknown outcome.
 * Opens nothing before the lane starts. @throws HW-KAFKA-002 for invalid options.
 */
export function kafkaSink(options: KafkaSinkOptions): SinkDefinition {
  const resolved = resolveKafkaOptions(options);
  return {
    kind: 'kafka',
    target: describeTarget(resolved),
    open: (context) => openKafkaSink(resolved, context),
  };
}

function describeTarget({ brokers, topic }: ResolvedKafkaOptions): string {
  const addresses = brokers.map(({ host, port }) => `${host}:${port}`).join(',');
  return typeof topic === 'string' ? `${addresses} topic ${topic}` : addresses;
}

async function openKafkaSink(options: ResolvedKafkaOptions, context: SinkContext): Promise<Sink> {
  const client = await loadKafkaClient();
  const sink = new KafkaSink(client, options, context);
  try {
    await sink.takeOver(context.signal);
    return sink;
  } catch (thrown) {
    await sink[Symbol.asyncDispose]();
    throw thrown;
  }
}

const abortPatienceMs = 1_000;

/**
 * How a batch takes effect once:
 *
 *   open:     epoch ─► read position ─► write it again under an own token ("this lane is mine now")
 *   write:    records + position in one transaction; all answers good ─► done
 *             anything else ─► the outcome is unknown ─► stale
 *   stale:    (fenced? read position: another token ─► refused for good)
 *             epoch ─► read position ─► another token ─► refused for good, else go on from it
 *
 * Behind each epoch, what hangs of this producer is ended (`TransactionalProducer.endHanging`).
 * K1: between an epoch and the first write under it the position is read; so a write always begins where the last committed
 *     one ended, whoever wrote that.
 * K2: a position moves only in the transaction of its records.
 * K3: the newest opener wins. The older one meets a token that is not its own before it could write anything.
 */
class KafkaSink implements Sink {
  readonly capabilities: SinkCapabilities = { unit: 'batch', checkpointIn: 'sink', recordBytesMax: undefined };
  readonly #options: ResolvedKafkaOptions;
  readonly #context: SinkContext;
  readonly #cluster: KafkaCluster;
  readonly #producer: TransactionalProducer;
  readonly #positions: PositionTopic;
  readonly #topics: TopicRegistry;
  readonly #layout = new BatchLayout();
  readonly #owner: PositionOwner;
  readonly #writer: string;
  #checkpoint: Checkpoint | undefined;
  #wasFenced = false;
  /** Of the batch that will be written next. */
  #ahead: BatchPlan | undefined;

  constructor(client: KafkaClient, options: ResolvedKafkaOptions, context: SinkContext) {
    const { clock, installation, journalId, laneName, random } = context;
    this.#options = options;
    this.#context = context;
    this.#owner = { installation, laneName, journalId };
    this.#writer = Buffer.from(random.bytes(12)).toString('base64url');
    this.#cluster = new KafkaCluster(client, options, clock);
    this.#topics = new TopicRegistry(this.#cluster, options);
    this.#positions = new PositionTopic(this.#cluster, {
      topic: options.positionTopic,
      owner: this.#owner,
      requestTimeoutMs: options.requestTimeoutMs,
      patienceMs: options.transactionTimeoutMs + options.requestTimeoutMs,
      clock,
    });
    this.#producer = new TransactionalProducer(this.#cluster, {
      transactionalId: `headwater.${installation}.${laneName}`,
      transactionTimeoutMs: options.transactionTimeoutMs,
      requestTimeoutMs: options.requestTimeoutMs,
      codec: chooseCodec(client, options),
      clock,
    });
  }

  /** Makes this sink the lane's only writer. @throws HW-KAFKA codes */
  async takeOver(signal: AbortSignal): Promise<void> {
    await this.#positions.ensure(signal);
    if (typeof this.#options.topic === 'string') await this.#cluster.describeTopics([this.#options.topic], signal);
    const committed = await this.#positions.peek(signal);
    this.#checkpoint = committed.position?.checkpoint;
    this.#topics.restore(committed.counts);
    // The lane of another journal: whoever asks will refuse it, and a writer that is at work with that one stays so.
    if (this.#isForeign) return;
    await this.#producer.initialise(signal);
    await this.#endHanging(signal);
    const { counts, position } = await this.#positions.read(signal);
    this.#checkpoint = position?.checkpoint;
    this.#topics.restore(counts);
    try {
      await this.#producer.commit([this.#positionWrites([encodePosition(this.#owner, this.#ownPosition())])], signal);
    } catch (thrown) {
      signal.throwIfAborted();
      throw toKafkaError(thrown, 'the lane could not be taken over', 'HW-KAFKA-010');
    }
  }

  async readCheckpoint(signal: AbortSignal): Promise<Checkpoint | undefined> {
    if (!this.#producer.isReady && !this.#isForeign) await this.#recover(signal);
    return this.#checkpoint;
  }

  prepare(batch: OutboundBatch): void {
    if (this.#ahead?.batch === batch) return;
    try {
      const plan = new BatchPlan(batch, this.#options);
      plan.layAhead(this.#layout, (topic) => this.#topics.limitsOf(topic));
      this.#ahead = plan;
    } catch {
      // `write` meets the same fault when it is the batch's turn, and throws it.
      this.#ahead = undefined;
    }
  }

  async write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#producer.isReady)
      throw new HeadwaterError('HW-KAFKA-010', 'the outcome of an earlier batch is not known');
    this.#assertPlace(batch);
    const plan = this.#takePlan(batch);
    const counts = plan.topics.length === 0 ? undefined : await this.#topics.prepare(plan.topics, signal);
    const writes = plan.lay(this.#layout, (topic) => this.#topics.limitsOf(topic));
    const position = encodePosition(this.#owner, { ...this.#ownPosition(), checkpoint: batch.to });
    const countsRecords = counts === undefined ? [] : [encodeCounts(this.#owner, counts)];
    try {
      await this.#producer.commit([...writes, this.#positionWrites([position, ...countsRecords])], signal);
    } catch (thrown) {
      throw await this.#explainFailure(thrown, signal);
    }
    this.#checkpoint = batch.to;
    if (counts !== undefined) this.#topics.restore(counts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#abortQuietly();
    await this.#cluster[Symbol.asyncDispose]();
  }

  get #isForeign(): boolean {
    return this.#checkpoint !== undefined && this.#checkpoint.journalId !== this.#owner.journalId;
  }

  #takePlan(batch: OutboundBatch): BatchPlan {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead?.batch === batch ? ahead : new BatchPlan(batch, this.#options);
  }

  #ownPosition(): LanePosition {
    return { writer: this.#writer, checkpoint: this.#checkpoint };
  }

  #assertPlace(batch: OutboundBatch): void {
    const held = this.#checkpoint;
    if (held === undefined || isSameCheckpoint(held, batch.from)) return;
    const { from } = batch;
    throw new HeadwaterError(
      'HW-KAFKA-014',
      `the batch begins behind sequence ${from.sequence}+${from.recordCount}, Kafka holds ${held.sequence}+${held.recordCount}`,
    );
  }

  #positionWrites(records: readonly PositionRecord[]): PartitionWrites {
    const batch = new RecordBatchBuilder(1024);
    for (const { key, value } of records) batch.append({ key, value, sharedHeaders: [], headers: [] });
    return { topic: this.#options.positionTopic, partition: 0, batches: [batch] };
  }

  /** What a failed write means: a stop for what waiting cannot mend, else an unknown outcome. */
  async #explainFailure(thrown: unknown, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted) return signal.reason;
    this.#cluster.forget();
    this.#wasFenced = isFenced(thrown);
    if (this.#wasFenced) {
      try {
        await this.#assertOwnPosition(signal);
      } catch (refusal) {
        if (signal.aborted || (refusal instanceof HeadwaterError && refusal.policy === 'stop')) return refusal;
      }
    }
    const error = toKafkaError(thrown, 'a batch was not committed', 'HW-KAFKA-010');
    // Nobody will come back soon to end the transaction.
    if (error.policy === 'stop') await this.#abortQuietly();
    return error;
  }

  async #recover(signal: AbortSignal): Promise<void> {
    if (this.#wasFenced) await this.#assertOwnPosition(signal);
    await this.#producer.initialise(signal);
    try {
      await this.#endHanging(signal);
      await this.#assertOwnPosition(signal);
      this.#wasFenced = false;
    } catch (thrown) {
      this.#producer.retire();
      throw thrown;
    }
  }

  async #endHanging(signal: AbortSignal): Promise<void> {
    const topics = [...this.#topics.names, this.#options.positionTopic];
    const { logger } = this.#context;
    for (const { partition, startOffset, topic } of await this.#producer.endHanging(topics, signal)) {
      const offset = String(startOffset);
      logger.warn('kafka transaction ended that hung', { lane: this.#owner.laneName, topic, partition, offset });
    }
  }

  /** Reads the position. @throws HW-KAFKA-011 when somebody else has written it, HW-KAFKA-021 when it is gone. */
  async #assertOwnPosition(signal: AbortSignal): Promise<void> {
    const { counts, position } = await this.#positions.read(signal);
    const { installation, laneName } = this.#owner;
    if (position === undefined) {
      throw new HeadwaterError('HW-KAFKA-021', `the position of lane "${laneName}" of "${installation}" is gone`);
    }
    if (position.writer !== this.#writer) {
      throw new HeadwaterError('HW-KAFKA-011', `another process delivers lane "${laneName}" of "${installation}"`, {
        details: { installation, lane: laneName },
      });
    }
    this.#checkpoint = position.checkpoint;
    this.#topics.restore(counts);
  }

  /** A transaction that stays open makes consumers wait; but nothing depends on this attempt. */
  async #abortQuietly(): Promise<void> {
    const { clock, logger } = this.#context;
    const patience = new AbortController();
    const timer = clock.setTimer(abortPatienceMs, () => patience.abort());
    try {
      await this.#producer.abortOpenTransaction(patience.signal);
    } catch (thrown) {
      logger.debug('kafka transaction left to its time-out', { lane: this.#owner.laneName, error: String(thrown) });
    } finally {
      timer.clear();
    }
  }
}

function chooseCodec(client: KafkaClient, { compression }: ResolvedKafkaOptions): BatchCodec | undefined {
  if (compression === 'none') return undefined;
  const { bitmask, compressSync } = client.compressionsAlgorithms[compression];
  return { attributes: bitmask, compress: compressSync };
}
