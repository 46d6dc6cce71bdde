import { HeadwaterError } from '../../../foundation/error.ts';
import { type Checkpoint, isSameCheckpoint } from '../../checkpoint.ts';
import type { OutboundBatch, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../../sink.ts';
import { planBatch, type PlannedMessage } from './batch-plan.ts';
import { findPosition } from './find-position.ts';
import { decodeEntry, decodePositionHeaders, encodeEntry, encodeOwner, type PositionEntry } from './lane-position.ts';
import { openPositionStream, openRecordStream } from './lane-streams.ts';
import { loadNatsClient, type NatsClient } from './load-client.ts';
import { encodeHeaderValue } from './message-headers.ts';
import { toNatsError } from './nats-error.ts';
import { type NatsSinkOptions, resolveNatsOptions, type ResolvedNatsOptions } from './nats-options.ts';
import { NatsSession, untilAborted } from './nats-session.ts';
import { coversSubject, encodeSubjectToken } from './subject.ts';

/**
 * A sink that publishes records to a JetStream stream of its own: effectively once in the stream, by the stream's expected last
 * sequence and message id on every message, and by the lane's last position read back from the stream after every unknown
 * outcome. A repetition is refused, also after the duplicate window is over.
 * Opens nothing before the lane starts. @throws HW-NATS-002 for invalid options.
 */
export function natsSink(options: NatsSinkOptions): SinkDefinition {
  const resolved = resolveNatsOptions(options);
  return {
    kind: 'nats',
    target: `${resolved.servers.join(',')} stream ${resolved.stream}`,
    async open(context) {
      const sink = new NatsSink(await loadNatsClient(), resolved, context);
      try {
        await sink.takeOver(context.signal);
        return sink;
      } catch (thrown) {
        await sink[Symbol.asyncDispose]();
        throw thrown;
      }
    },
  };
}

/** What is known as long as the outcome of everything written is known. */
interface Standing {
  readonly session: NatsSession;
  /** The number of the stream's last message. */
  readonly lastSequence: number;
  readonly checkpoint: Checkpoint | undefined;
  readonly part: number;
  /** The number of the lane's message in the position stream. */
  readonly revision: number;
  readonly created: string;
  readonly subjects: readonly string[];
  readonly messageBytesMax: number;
}

interface AheadPlan extends Pick<Standing, 'messageBytesMax'> {
  readonly batch: OutboundBatch;
  readonly messages: readonly PlannedMessage[];
}

/**
 * How a batch takes effect once:
 *
 *   open:     position ─► write it again under an own token ("this lane is mine now")
 *   write:    every message expects the one before it to be the last of the stream; all answers good ─► position entry ─► done
 *             anything else ─► the outcome is unknown ─► the connection is given up ─► stale
 *   stale:    position ─► another token ─► refused for good, else go on from it
 *
 * N1: a message is taken only directly behind the one that the lane means, by number and id; so a message that fails keeps all
 *     later ones out, a copy that arrives late finds its place taken, and nobody else's message can come between unseen.
 * N2: the position of the lane is that of the stream's last message; the entry in the position stream keeps it where retention
 *     removes that message.
 * N3: the newest opener wins. The older one meets a token that is not its own at its next position entry.
 */
class NatsSink implements Sink {
  // The position of the lane is that of the stream's last message: a record that comes later would move it back.
  readonly capabilities: SinkCapabilities = {
    unit: 'batch',
    checkpointIn: 'sink',
    takesParked: false,
    recordBytesMax: undefined,
  };
  readonly #client: NatsClient;
  readonly #options: ResolvedNatsOptions;
  readonly #context: SinkContext;
  readonly #owner: string;
  readonly #positionSubject: string;
  readonly #writer: string;
  #standing: Standing | undefined;
  /** Of the newest session. */
  #messageBytesMax: number | undefined;
  /** Planned in the time of the write before it. */
  #ahead: AheadPlan | undefined;
  /** A place of another journal: whoever asks will refuse it, and nothing is written. */
  #foreignPlace: Checkpoint | undefined;
  #hasTakenOver = false;
  #closing: Promise<void> = Promise.resolve();

  constructor(client: NatsClient, options: ResolvedNatsOptions, context: SinkContext) {
    const { installation, laneName, random } = context;
    this.#client = client;
    this.#options = options;
    this.#context = context;
    this.#owner = encodeOwner({ installation, laneName });
    const { positionStream } = options;
    this.#positionSubject = `${positionStream}.${encodeSubjectToken(installation)}.${encodeSubjectToken(laneName)}`;
    this.#writer = Buffer.from(random.bytes(12)).toString('base64url');
  }

  /** Makes this sink the lane's only writer. @throws HW-NATS codes */
  async takeOver(signal: AbortSignal): Promise<void> {
    await this.#recover(signal);
    this.#hasTakenOver = true;
  }

  async readCheckpoint(signal: AbortSignal): Promise<Checkpoint | undefined> {
    if (this.#standing === undefined && this.#foreignPlace === undefined) await this.#recover(signal);
    return this.#foreignPlace ?? this.#standing?.checkpoint;
  }

  /** As the batch will be sent when the one before it ends whole, which the next write checks. */
  prepare(batch: OutboundBatch): void {
    const messageBytesMax = this.#messageBytesMax;
    if (messageBytesMax === undefined || this.#ahead?.batch === batch) return;
    this.#ahead = undefined;
    try {
      this.#ahead = { batch, messageBytesMax, messages: this.#plan(batch, { messageBytesMax, part: 0 }) };
    } catch {
      // `write` meets the same fault when it is the batch's turn, and throws it.
    }
  }

  async write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const standing = this.#standing;
    if (standing === undefined) throw new HeadwaterError('HW-NATS-010', 'the outcome of an earlier batch is not known');
    assertPlace(standing.checkpoint, batch.from);
    const { created, messageBytesMax, part, revision, session } = standing;
    const messages = this.#takePlan(batch, standing) ?? this.#plan(batch, { messageBytesMax, part });
    this.#assertCovered(messages, standing.subjects);
    this.#standing = undefined;
    try {
      const lastSequence = await this.#publish(messages, standing, signal);
      const checkpoint = batch.to;
      const next = await this.#writeEntry(
        session,
        { streamSequence: lastSequence, created, checkpoint, part: 0 },
        { revision, signal },
      );
      this.#standing = { ...standing, lastSequence, checkpoint, part: 0, revision: next };
    } catch (thrown) {
      this.#giveUp(session);
      signal.throwIfAborted();
      throw toNatsError(thrown, 'a batch was not acknowledged', 'HW-NATS-010');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#standing !== undefined) this.#giveUp(this.#standing.session);
    this.#standing = undefined;
    await this.#closing;
  }

  /** A connection that cannot even be closed in order is gone all the same. */
  #giveUp(session: NatsSession): void {
    this.#closing = session[Symbol.asyncDispose]().catch(() => undefined);
  }

  #plan(batch: OutboundBatch, place: Pick<Standing, 'messageBytesMax' | 'part'>): readonly PlannedMessage[] {
    return planBatch(batch, { ...this.#options, owner: this.#owner, ...place });
  }

  #takePlan(batch: OutboundBatch, { messageBytesMax, part }: Standing): readonly PlannedMessage[] | undefined {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const isValid = ahead?.batch === batch && ahead.messageBytesMax === messageBytesMax && part === 0;
    return isValid ? ahead.messages : undefined;
  }

  /** Publishes in order, so many at a time without an answer. Returns the number of the stream's last message. */
  async #publish(
    messages: readonly PlannedMessage[],
    { lastSequence, session }: Standing,
    signal: AbortSignal,
  ): Promise<number> {
    const answers: Promise<number>[] = [];
    for (const [index, message] of messages.entries()) {
      const oldest = answers[index - this.#options.inFlightMax];
      if (oldest !== undefined) await untilAborted(oldest, signal);
      const former = messages[index - 1];
      const lastMessageId = former === undefined ? undefined : encodeHeaderValue(former.id);
      const answer = session.publish(message, { lastSequence: lastSequence + index, lastMessageId });
      // The first failure is what counts; those behind it follow from it.
      answer.catch(() => undefined);
      answers.push(answer);
    }
    await untilAborted(Promise.all(answers), signal);
    return lastSequence + messages.length;
  }

  #assertCovered(messages: readonly PlannedMessage[], subjects: readonly string[]): void {
    for (const { id, subject } of messages) {
      if (coversSubject(subjects, subject)) continue;
      const { stream } = this.#options;
      throw new HeadwaterError(
        'HW-NATS-021',
        `the stream "${stream}" does not take "${subject}", the subject of ${id}`,
        {
          hint: `nats stream edit ${stream} --subjects '${[...subjects, subject].join(',')}'`,
          details: { stream, subject },
        },
      );
    }
  }

  /** Opens a session and finds out where the lane stands. @throws HW-NATS codes */
  async #recover(signal: AbortSignal): Promise<void> {
    const session = await NatsSession.open(this.#client, this.#options, signal);
    try {
      await this.#findOut(session, signal);
    } catch (thrown) {
      await session[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  async #findOut(session: NatsSession, signal: AbortSignal): Promise<void> {
    const { acceptStreamSequence, positionStream, recordBytesMax, stream } = this.#options;
    const info = await openRecordStream(session, this.#client, { options: this.#options, signal });
    const { config, created, state } = info;
    await openPositionStream(session, this.#client, { name: positionStream, replicas: config.num_replicas, signal });
    const { entry, revision } = await this.#readEntry(session, signal);
    const lastSequence = state.last_seq;
    const last = await this.#readLast(session, lastSequence, signal);
    const place = findPosition({ stream, created, lastSequence, last, entry, acceptStreamSequence });
    const { checkpoint, part } = place;
    if (place.isBehind) this.#warnBehind(entry, lastSequence);
    if (checkpoint !== undefined && checkpoint.journalId !== this.#context.journalId) {
      this.#foreignPlace = checkpoint;
      await session[Symbol.asyncDispose]();
      return;
    }
    const claim = { streamSequence: lastSequence, created, checkpoint, part };
    const next = await this.#writeEntry(session, claim, { revision, signal });
    const messageBytesMax = Math.min(
      recordBytesMax,
      session.payloadBytesMax,
      config.max_msg_size > 0 ? config.max_msg_size : Number.POSITIVE_INFINITY,
    );
    this.#messageBytesMax = messageBytesMax;
    this.#standing = {
      session,
      lastSequence,
      checkpoint,
      part,
      revision: next,
      created,
      subjects: config.subjects,
      messageBytesMax,
    };
  }

  async #readEntry(
    session: NatsSession,
    signal: AbortSignal,
  ): Promise<{ readonly entry: PositionEntry | undefined; readonly revision: number }> {
    const found = await session.read(this.#options.positionStream, { last_by_subj: this.#positionSubject }, signal);
    if (found === undefined) return { entry: undefined, revision: 0 };
    const entry = decodeEntry(found.text);
    if (this.#hasTakenOver && entry.writer !== this.#writer) throw this.#replaced();
    return { entry, revision: found.sequence };
  }

  async #readLast(
    session: NatsSession,
    lastSequence: number,
    signal: AbortSignal,
  ): Promise<Parameters<typeof findPosition>[0]['last']> {
    const found =
      lastSequence === 0 ? undefined : await session.read(this.#options.stream, { seq: lastSequence }, signal);
    if (found === undefined) return { kind: 'gone' };
    const position = decodePositionHeaders(this.#owner, found.header);
    return position === undefined ? { kind: 'foreign' } : { kind: 'own', position };
  }

  /** Writes the lane's position if nobody else has since `revision`. Returns the new revision. */
  async #writeEntry(
    session: NatsSession,
    place: Omit<PositionEntry, 'writer' | 'stream'>,
    { revision, signal }: { readonly revision: number; readonly signal: AbortSignal },
  ): Promise<number> {
    const text = encodeEntry({ ...place, writer: this.#writer, stream: this.#options.stream });
    const next = await session.replace(this.#positionSubject, text, revision, signal);
    if (next !== undefined) return next;
    // Who has written tells whether it was ourselves, in a session before.
    const { entry } = await this.#readEntry(session, signal);
    const writer = entry?.writer === this.#writer ? 'this process' : 'another process';
    throw new HeadwaterError('HW-NATS-010', `${writer} has written the position of the lane meanwhile`);
  }

  #replaced(): HeadwaterError {
    const { installation, laneName } = this.#context;
    return new HeadwaterError('HW-NATS-011', `another process delivers lane "${laneName}" of "${installation}"`, {
      details: { installation, lane: laneName },
    });
  }

  #warnBehind(entry: PositionEntry | undefined, lastSequence: number): void {
    const { laneName, logger } = this.#context;
    const { stream } = this.#options;
    logger.warn('stream has lost messages; they are delivered again', {
      lane: laneName,
      stream,
      lastSequence,
      knownSequence: entry?.streamSequence,
    });
  }
}

function assertPlace(held: Checkpoint | undefined, from: Checkpoint): void {
  if (held === undefined || isSameCheckpoint(held, from)) return;
  throw new HeadwaterError(
    'HW-NATS-023',
    `the batch begins behind sequence ${from.sequence}+${from.recordCount}, the stream holds ${held.sequence}+${held.recordCount}`,
  );
}
