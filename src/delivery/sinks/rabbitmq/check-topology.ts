import type { Channel, ChannelModel } from 'amqplib';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { Logger } from '../../../foundation/logger.ts';
import { namesOfLoss, readQueueAnswer } from './queue-answer.ts';
import { replyCodeOf, toRabbitmqError } from './rabbitmq-error.ts';
import type { ResolvedRabbitmqOptions } from './rabbitmq-options.ts';

/** What is known of a queue. */
interface FoundQueue {
  /** `quorum`, `stream`, `classic`; undefined when the user may not find out. */
  readonly type: string | undefined;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** Who is told what is found. */
interface TopologyListener {
  readonly logger: Logger;
  /** After each question: many queues take their time, and a broker that answers is alive. */
  readonly onAnswer: () => void;
}

/** A connection, and whom to tell that it answered. */
type Questioned = Pick<TopologyListener, 'onAnswer'> & { readonly connection: ChannelModel };

const argumentCountMax = 32;

/**
 * Holds the exchange and the queues of a lane to what it needs. Each question has a channel of its own, because the broker
 * answers a wrong one by closing the channel.
 * @throws HW-RABBITMQ-005 to 007 with the fix; HW-RABBITMQ-003 when the connection is lost meanwhile.
 */
export async function checkTopology(
  connection: ChannelModel,
  options: ResolvedRabbitmqOptions,
  { logger, onAnswer }: TopologyListener,
): Promise<void> {
  const { exchange, queueCheck, queues } = options;
  const broker = { connection, onAnswer };
  if (exchange !== '') {
    const refusal = await ask(broker, (channel) => channel.checkExchange(exchange));
    if (refusal !== undefined) throw refusedExchange(refusal, exchange);
  }
  for (const queue of queues) {
    const found = await findQueue(broker, queue);
    const isReplicated = found.type === 'quorum' || found.type === 'stream';
    if (!isReplicated && queueCheck === 'replicated') throw notReplicated(queue, found.type);
    if (!isReplicated) logger.warn('queue is not known to be replicated', { queue, type: found.type });
    const losing = namesOfLoss(found.arguments);
    if (losing.length > 0) logger.warn('queue drops messages by itself', { queue, arguments: losing.join(', ') });
  }
}

/**
 * The type of a queue that must be there, and as many of its arguments as the question needed. A queue that is deleted between
 * the two questions would be made again, empty, as a quorum queue without bindings.
 */
async function findQueue(broker: Questioned, queue: string): Promise<FoundQueue> {
  const missing = await ask(broker, (channel) => channel.checkQueue(queue));
  if (missing !== undefined) throw refusedQueue(missing, queue);
  const found: Record<string, unknown> = {};
  for (let count = 0; count < argumentCountMax; count += 1) {
    const asked = { ...found, 'x-queue-type': 'quorum' };
    const refusal = await ask(broker, (channel) => channel.assertQueue(queue, { durable: true, arguments: asked }));
    if (refusal === undefined) return { type: 'quorum', arguments: found };
    if (replyCodeOf(refusal) === 403) return { type: undefined, arguments: found };
    const answer = readQueueAnswer(refusal.message);
    if (answer.kind === 'unfit') throw unfit(queue, answer.reason);
    if (answer.kind === 'other-type') return { type: answer.type, arguments: found };
    if (answer.kind === 'unknown' || Object.hasOwn(found, answer.name)) break;
    found[answer.name] = answer.value;
  }
  return { type: undefined, arguments: found };
}

/** Asks on a channel of its own. Returns the broker's refusal; undefined when there is none. @throws HW-RABBITMQ-003 */
async function ask(
  { connection, onAnswer }: Questioned,
  question: (channel: Channel) => Promise<unknown>,
): Promise<Error | undefined> {
  let refusal: Error | undefined;
  try {
    const channel = await connection.createChannel();
    // The promise of the question says the same; an error event that nobody hears would end the process.
    channel.on('error', (error) => (refusal = error));
    await question(channel);
    await channel.close();
    onAnswer();
    return undefined;
  } catch (thrown) {
    if (refusal !== undefined && replyCodeOf(refusal) !== undefined) {
      onAnswer();
      return refusal;
    }
    throw toRabbitmqError(thrown, 'the connection was lost while exchange and queues were checked');
  }
}

function refusedExchange(refusal: Error, exchange: string): HeadwaterError {
  const error = toRabbitmqError(refusal, `exchange "${exchange}"`, 'HW-RABBITMQ-018');
  return withFix(error, {
    code: error.code,
    hint: `rabbitmqadmin declare exchange name=${exchange} type=topic durable=true`,
    details: { exchange },
  });
}

function refusedQueue(refusal: Error, queue: string): HeadwaterError {
  const error = toRabbitmqError(refusal, `queue "${queue}"`, 'HW-RABBITMQ-018');
  return withFix(error, { code: error.code, hint: declareCommand(queue), details: { queue } });
}

interface Fix {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, string>>;
}

function withFix(error: HeadwaterError, { code, details, hint }: Fix): HeadwaterError {
  if (code !== 'HW-RABBITMQ-006') return error;
  return new HeadwaterError(code, error.message, { cause: error, details, hint });
}

function declareCommand(queue: string): string {
  return `rabbitmqadmin declare queue name=${queue} durable=true arguments='{"x-queue-type":"quorum"}'`;
}

function notReplicated(queue: string, type: string | undefined): HeadwaterError {
  if (type === undefined) {
    return unfit(queue, 'cannot be looked at: the user has no right to configure it');
  }
  return unfit(queue, `is of type ${type}, which one node keeps alone`);
}

function unfit(queue: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-RABBITMQ-007', `queue "${queue}" ${reason}`, { details: { queue } });
}
