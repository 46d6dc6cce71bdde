import type { Connection } from '@platformatic/kafka';
import type { Clock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { KafkaCluster, TopicState } from './cluster.ts';
import {
  decideEnding,
  type HangingPartition,
  isEmptyBehindHanging,
  type LastTransaction,
  type ProducerPlace,
  seeAgain,
  seeEpochGiven,
} from './hanging-transaction.ts';
import { hasAnswer, isBusy, toKafkaError } from './kafka-error.ts';
import { judgeOffsets, type NextOffsets, partitionPlace, topicOfPlace } from './offset-check.ts';
import { sendProduceRequest, type PartitionBatch, type ProduceAnswer } from './produce-request.ts';
import type { BatchCodec, RecordBatchBuilder } from './record-batch.ts';
import { describeLastTransaction, describeProducer } from './transaction-facts.ts';
import { waitFor } from './wait-for.ts';

/** The batches of one transaction for one partition, in order. Each is sent as one record batch. */
export interface PartitionWrites {
  readonly topic: string;
  readonly partition: number;
  readonly batches: readonly RecordBatchBuilder[];
}

/** Whose transactions they are, and how long they may take. */
export interface ProducerOptions {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly codec: BatchCodec | undefined;
  readonly clock: Clock;
}

type WrittenPartition = Pick<PartitionWrites, 'topic' | 'partition'>;

interface ProducerEpoch {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

type ProducerState =
  /** No epoch, or one that an unknown outcome has spoilt. */
  { readonly kind: 'stale' } | ({ readonly kind: 'ready' } & ProducerEpoch);

/** The coordinator needs about a millisecond to end a transaction; a timer would double that. */
const promptAttempts = 2;
const busyPauseMs = 1;
const retryInitPauseMs = 25;
const leaderPatienceMs = 5_000;
/** Asks for an epoch whatever the former one was: the newest writer of an id wins, and the one before is refused. */
const noProducerId = -1n;

/**
 * An idempotent transactional producer that never goes on after an unknown outcome.
 *
 *   stale ──initialise──► ready ──commit, all answers good──► ready
 *                           └──anything else──► stale
 *
 * I1: between two transactions nothing is in flight, so a late message can only belong to an epoch that is over.
 * I2: `initialise` takes a new epoch: the coordinator ends what was open under the old one, and every partition of it
 *     refuses what still arrives from it.
 * I3: EndTxn(commit) is sent only when every batch was acknowledged by all replicas in sync and the offsets add up.
 * I4: what the coordinator has ended and a partition still holds open (`hanging-transaction.ts`) is ended as it was decided before
 *     anything else is written: the next marker would decide about it as well.
 * I5: no request of a transaction is repeated, except AddPartitionsToTxn when the coordinator itself answers that it is
 *     still busy with the transaction before.
 *
 * The request sequence is AddPartitionsToTxn, Produce, EndTxn. Kafka 4 also offers transactions without the first (KIP-890,
 * version 2); measured against it, the broker then waits in steps of 20 ms whenever one transaction follows another closely.
 */
export class TransactionalProducer {
  readonly #cluster: KafkaCluster;
  readonly #options: ProducerOptions;
  readonly #sequences = new Map<string, number>();
  /** Of the transaction under way, or the one that failed last. */
  readonly #firstSequences = new Map<string, number>();
  #nextOffsets: NextOffsets = new Map();
  #coordinator: Connection | undefined;
  #state: ProducerState = { kind: 'stale' };
  #openTransaction: ProducerEpoch | undefined;
  /** Of the time before the newest epoch, until nothing hangs any more. */
  #last: LastTransaction | undefined;
  #isEndingHanging = false;

  constructor(cluster: KafkaCluster, options: ProducerOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** Whether the outcome of everything written so far is known. */
  get isReady(): boolean {
    return this.#state.kind === 'ready';
  }

  /**
   * Takes a new producer epoch. When it resolves, every earlier transaction of this id has ended, one way or the other, and
   * its markers are written. @throws HW-KAFKA-003 when the coordinator does not get there within the request timeout.
   */
  async initialise(signal: AbortSignal): Promise<void> {
    const { clock, requestTimeoutMs, transactionalId, transactionTimeoutMs } = this.#options;
    this.#state = { kind: 'stale' };
    const { initProducerIdV4 } = this.#cluster.client;
    const deadlineMs = clock.monotonicMs() + requestTimeoutMs;
    for (;;) {
      try {
        this.#coordinator = await this.#cluster.coordinatorOf(transactionalId, signal);
        const last = await describeLastTransaction(this.#cluster, this.#coordinator, transactionalId, signal);
        if (!this.#isEndingHanging) this.#last = seeAgain(this.#last, last);
        if (last?.state === 'Ongoing') await this.#saveAcknowledged(last, this.#coordinator, signal);
        const answer = await waitFor(
          initProducerIdV4.api.async(this.#coordinator, transactionalId, transactionTimeoutMs, noProducerId, -1),
          signal,
        );
        this.#sequences.clear();
        this.#openTransaction = undefined;
        if (!this.#isEndingHanging) this.#last = seeEpochGiven(this.#last);
        this.#state = { kind: 'ready', producerId: answer.producerId, producerEpoch: answer.producerEpoch };
        return;
      } catch (thrown) {
        signal.throwIfAborted();
        const isWorthAsking = isBusy(thrown) || hasAnswer(thrown, ['NOT_COORDINATOR']);
        if (!isWorthAsking || clock.monotonicMs() >= deadlineMs) throw toKafkaError(thrown, 'no producer epoch');
        await clock.sleep(retryInitPauseMs, signal);
      }
    }
  }

  /**
   * Ends what hangs in these topics, as it was decided. Call behind `initialise`, before anything is read or written.
   * @returns where something hung. @throws HW-KAFKA-024 when nobody knows how it ended, HW-KAFKA-003 for what waiting mends; the
   * epoch is given up then
   */
  async endHanging(topics: readonly string[], signal: AbortSignal): Promise<readonly HangingPartition[]> {
    const producer = this.#state;
    if (producer.kind !== 'ready') throw new HeadwaterError('HW-KAFKA-010', 'the producer has no epoch');
    this.#isEndingHanging = true;
    this.#state = { kind: 'stale' };
    const known = await this.#describeProducer(producer, topics, signal);
    const hanging = known.filter(({ startOffset }) => startOffset >= 0n);
    const byEnding = Map.groupBy(hanging, (one) => decideEnding(one, this.#last, this.#nextOffsets));
    const [unclear] = byEnding.get('unknown') ?? [];
    if (unclear !== undefined) throw this.#refuseToGuess(unclear);
    for (const [ending, writes] of byEnding) {
      const coordinator = await this.#transactionCoordinator(signal);
      await this.#addPartitions(coordinator, producer, { writes, signal });
      await this.#endTransaction(coordinator, producer, ending === 'commit', signal);
    }
    this.#last = undefined;
    this.#isEndingHanging = false;
    this.#state = producer;
    return hanging;
  }

  /** Commits what was begun last where that alone keeps what was acknowledged before it (`isEmptyBehindHanging`). */
  async #saveAcknowledged({ places }: LastTransaction, coordinator: Connection, signal: AbortSignal): Promise<void> {
    const open = this.#openTransaction;
    if (open === undefined) return;
    const topics = new Set([...places].map(topicOfPlace));
    const known = await this.#describeProducer(open, [...topics], signal);
    const begun = { places, firstSequences: this.#firstSequences };
    if (!isEmptyBehindHanging(begun, known, this.#nextOffsets)) return;
    await this.#endTransaction(coordinator, open, true, signal);
    this.#last = { state: 'CompleteCommit', places };
  }

  /** A broker that has just started may not lead its partitions yet; one without a leader for longer is left out. */
  async #describeProducer(
    { producerId }: ProducerEpoch,
    topics: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly ProducerPlace[]> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + leaderPatienceMs;
    for (;;) {
      const skipsLeaderless = clock.monotonicMs() >= deadlineMs;
      try {
        return await describeProducer(this.#cluster, { producerId, topics, skipsLeaderless }, signal);
      } catch (thrown) {
        signal.throwIfAborted();
        const error = HeadwaterError.from(thrown);
        if (error.policy === 'stop' || skipsLeaderless) throw error;
        this.#cluster.forget();
        await clock.sleep(retryInitPauseMs, signal);
      }
    }
  }

  #refuseToGuess({ partition, startOffset, topic }: HangingPartition): HeadwaterError {
    const { transactionalId } = this.#options;
    const state = this.#last?.state ?? 'Empty';
    return new HeadwaterError(
      'HW-KAFKA-024',
      `a transaction of ${transactionalId} hangs in ${topic}, partition ${partition}, from offset ${startOffset} on; the coordinator says ${state}`,
      {
        details: { topic, partition, startOffset: String(startOffset), transactionalId },
        hint: `If its records are not to count: kafka-transactions.sh --bootstrap-server BROKER abort --topic '${topic}' --partition ${partition} --start-offset ${startOffset} — and start the lane again.`,
      },
    );
  }

  /** Gives the epoch up: nothing is written before the next `initialise`. */
  retire(): void {
    this.#state = { kind: 'stale' };
  }

  /**
   * Writes all batches in one transaction and commits it. Resolves when the commit is durable.
   * A rejection leaves the producer stale, with the outcome unknown unless the error's policy is `stop`.
   */
  async commit(writes: readonly PartitionWrites[], signal: AbortSignal): Promise<void> {
    const state = this.#state;
    if (state.kind !== 'ready') {
      throw new HeadwaterError('HW-KAFKA-010', 'the producer has no epoch of which everything is known');
    }
    this.#state = { kind: 'stale' };
    this.#openTransaction = state;
    this.#firstSequences.clear();
    const topics = await this.#cluster.describeTopics([...new Set(writes.map((write) => write.topic))], signal);
    const coordinator = await this.#transactionCoordinator(signal);
    await this.#addPartitions(coordinator, state, { writes, signal });
    const next = await this.#produce(this.#encode(state, writes), topics, signal);
    await this.#endTransaction(coordinator, state, true, signal);
    this.#nextOffsets = next;
    this.#openTransaction = undefined;
    this.#state = state;
  }

  /**
   * Ends a transaction that a failed `commit` left open, so that consumers need not wait for its time-out. Never ends anybody
   * else's, and changes nothing when the outcome was a commit after all.
   */
  async abortOpenTransaction(signal: AbortSignal): Promise<void> {
    const open = this.#openTransaction;
    const coordinator = this.#coordinator;
    if (open === undefined || coordinator === undefined || !coordinator.isConnected()) return;
    this.#openTransaction = undefined;
    await this.#endTransaction(coordinator, open, false, signal);
  }

  async #endTransaction(
    coordinator: Connection,
    { producerEpoch, producerId }: ProducerEpoch,
    isCommit: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { endTxnV3 } = this.#cluster.client;
    const { transactionalId } = this.#options;
    await waitFor(endTxnV3.api.async(coordinator, transactionalId, producerId, producerEpoch, isCommit), signal);
  }

  async #transactionCoordinator(signal: AbortSignal): Promise<Connection> {
    if (this.#coordinator?.isConnected() !== true) {
      this.#coordinator = await this.#cluster.coordinatorOf(this.#options.transactionalId, signal);
    }
    return this.#coordinator;
  }

  async #addPartitions(
    coordinator: Connection,
    producer: ProducerEpoch,
    { writes, signal }: { readonly writes: readonly WrittenPartition[]; readonly signal: AbortSignal },
  ): Promise<void> {
    const { clock, requestTimeoutMs, transactionalId } = this.#options;
    const partitions = Map.groupBy(writes, (write) => write.topic);
    const topics = [...partitions].map(([name, group]) => ({
      name,
      partitions: group.map((write) => write.partition),
    }));
    const { producerId, producerEpoch } = producer;
    const transactions = [{ transactionalId, producerId, producerEpoch, verifyOnly: false, topics }];
    const deadlineMs = clock.monotonicMs() + requestTimeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await waitFor(this.#cluster.client.addPartitionsToTxnV3.api.async(coordinator, transactions), signal);
        return;
      } catch (thrown) {
        signal.throwIfAborted();
        if (!isBusy(thrown) || clock.monotonicMs() >= deadlineMs) throw thrown;
        if (attempt > promptAttempts) await clock.sleep(busyPauseMs, signal);
      }
    }
  }

  /** Sends everything and returns the next offsets. @throws HW-KAFKA-013 when the offsets do not add up. */
  async #produce(
    batches: readonly PartitionBatch[],
    topics: ReadonlyMap<string, TopicState>,
    signal: AbortSignal,
  ): Promise<NextOffsets> {
    const byLeader = Map.groupBy(batches, (batch) => topics.get(batch.topic)?.leaders[batch.partition] ?? -1);
    const { requestTimeoutMs: timeoutMs, transactionalId } = this.#options;
    const connected: [Connection, readonly PartitionBatch[]][] = [];
    for (const [leader, group] of byLeader) connected.push([await this.#cluster.connectionTo(leader, signal), group]);
    // One partition has one batch per request; requests of one connection are answered in order.
    const requests = connected.flatMap(([connection, group]) =>
      splitIntoWaves(group).map((wave) =>
        sendProduceRequest(this.#cluster.client, connection, { transactionalId, timeoutMs, batches: wave }),
      ),
    );
    const answers = (await waitFor(Promise.all(requests), signal)).flat();
    const taken = batches.map((batch) => answers.find((answer) => answer.batch === batch));
    const verdict = judgeOffsets(batches, taken.map(toTakenBatch), this.#nextOffsets);
    if (verdict.kind === 'sound') return verdict.next;
    const { partition, reason, topic } = verdict;
    throw new HeadwaterError('HW-KAFKA-013', `${topic}, partition ${partition}: ${reason}`, {
      details: { topic, partition },
    });
  }

  #encode(producer: ProducerEpoch, writes: readonly PartitionWrites[]): PartitionBatch[] {
    const { clock, codec } = this.#options;
    const timestampMs = BigInt(clock.now());
    const batches: PartitionBatch[] = [];
    for (const { batches: builders, partition, topic } of writes) {
      const place = partitionPlace(topic, partition);
      for (const builder of builders) {
        const firstSequence = this.#sequences.get(place) ?? 0;
        if (!this.#firstSequences.has(place)) this.#firstSequences.set(place, firstSequence);
        // Sequence numbers wrap behind 2^31 − 1.
        this.#sequences.set(place, (firstSequence + builder.recordCount) & 0x7fff_ffff);
        const bytes = builder.encode({ ...producer, firstSequence, timestampMs }, this.#cluster.client.crc32c, codec);
        batches.push({ topic, partition, recordCount: builder.recordCount, bytes });
      }
    }
    return batches;
  }
}

function splitIntoWaves(batches: readonly PartitionBatch[]): PartitionBatch[][] {
  const waves: PartitionBatch[][] = [];
  const seen = new Map<string, number>();
  for (const batch of batches) {
    const place = partitionPlace(batch.topic, batch.partition);
    const index = seen.get(place) ?? 0;
    seen.set(place, index + 1);
    (waves[index] ??= []).push(batch);
  }
  return waves;
}

function toTakenBatch(answer: ProduceAnswer | undefined): Parameters<typeof judgeOffsets>[1][number] {
  return answer === undefined ? undefined : { ...answer.batch, baseOffset: answer.baseOffset };
}
