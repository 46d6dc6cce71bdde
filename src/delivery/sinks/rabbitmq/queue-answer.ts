/** What a broker's answer to the question "is this queue durable and of type quorum?" tells. */
export type QueueAnswer =
  /** Its type, when it is another one. `classic` also where the broker names none. */
  | { readonly kind: 'other-type'; readonly type: string }
  /** It is not what must be for a lane whatever its type. */
  | { readonly kind: 'unfit'; readonly reason: string }
  /** It has an argument that the question must have as well. */
  | { readonly kind: 'argument'; readonly name: string; readonly value: string | number | boolean }
  /** Nothing that is known here. */
  | { readonly kind: 'unknown' };

const property = /inequivalent arg '(durable|auto_delete|exclusive)'/;
const argument = /inequivalent arg '([^']+)'/;
const current = /but current is (?:the value )?'([^']*)'(?: of type '([a-z]+)')?/;

/**
 * Reads the refusal of a declaration that asks for a durable quorum queue. AMQP has no way to ask what a queue is; a
 * declaration that differs from it is refused with the first difference in words, the same from RabbitMQ 3.8 to 4. Pure.
 */
export function readQueueAnswer(text: string): QueueAnswer {
  const wrong = property.exec(text)?.[1];
  if (wrong === 'durable') return { kind: 'unfit', reason: 'is not durable' };
  if (wrong === 'auto_delete') return { kind: 'unfit', reason: 'is deleted with its last consumer' };
  if (wrong === 'exclusive') return { kind: 'unfit', reason: 'belongs to one connection' };
  // An argument that the queue has and that quorum queues refuse.
  if (/invalid (?:arg|property) /.test(text)) return { kind: 'other-type', type: 'classic' };
  const name = argument.exec(text)?.[1];
  if (name === undefined) return { kind: 'unknown' };
  const [, value = '', type = ''] = current.exec(text) ?? [];
  if (name === 'x-queue-type') return { kind: 'other-type', type: value === '' ? 'classic' : value };
  if (type === 'longstr') return { kind: 'argument', name, value };
  if (type === 'bool') return { kind: 'argument', name, value: value === 'true' };
  if (/^-?\d+$/.test(value)) return { kind: 'argument', name, value: Number(value) };
  return { kind: 'unknown' };
}

/** The arguments by which a queue drops messages by itself. Pure. */
export function namesOfLoss(queueArguments: Readonly<Record<string, unknown>>): readonly string[] {
  const { 'x-overflow': overflow = 'drop-head' } = queueArguments;
  const limits = overflow === 'drop-head' ? ['x-max-length', 'x-max-length-bytes'] : [];
  return [...limits, 'x-message-ttl', 'x-expires'].filter((name) => Object.hasOwn(queueArguments, name));
}
