import { assertInvariant } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { OutboundBatch, OutboundRecord, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../../sink.ts';
import type { HandlerContext, HandlerSinkOptions } from './handler-options.ts';
import { noteMessage } from './inbox.ts';

const capabilities: SinkCapabilities = { unit: 'record', checkpointIn: 'lane', recordBytesMax: undefined };

/**
 * Describes a function in the process of the application. At least once for the call; effectively once for what the handler
 * writes in a transaction by `context.once(tx)` in that transaction.
 * @throws HW-CONFIG-001 unless exactly one function is given: a misspelt one would acknowledge what nobody has seen
 */
export function handlerSink(options: HandlerSinkOptions): SinkDefinition {
  assertOneFunction(options);
  return {
    kind: 'handler',
    target: options.name,
    ...(options.idempotent === true ? { replay: 'idempotent' as const } : {}),
    accepts: (record) => acceptsRecord(options, record),
    open: (context) => Promise.resolve(new HandlerSink(options, context)),
  };
}

function assertOneFunction(options: HandlerSinkOptions): void {
  const names = (['handle', 'handleEvent', 'handleChange'] as const).filter((name) => options[name] !== undefined);
  if (names.length === 1 && names.every((name) => typeof options[name] === 'function')) return;
  const message = `handlerSink "${options.name}" takes exactly one function: handleEvent, handleChange or handle`;
  throw new HeadwaterError('HW-CONFIG-001', message, { details: { given: Object.keys(options).join(', ') } });
}

function acceptsRecord(options: HandlerSinkOptions, record: JournalRecord): boolean {
  if (options.handle !== undefined) return true;
  return (record.kind === 'event') === (options.handleEvent !== undefined);
}

type Outcome = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly thrown: unknown };

interface Call {
  readonly abort: AbortController;
  /** Never rejects. */
  readonly ended: Promise<Outcome>;
}

class HandlerSink implements Sink {
  readonly capabilities: SinkCapabilities = capabilities;
  readonly #options: HandlerSinkOptions;
  readonly #context: SinkContext;
  /** Calls under way by the place of their record, and such as ended after their time. */
  readonly #calls = new Map<string, Call>();

  constructor(options: HandlerSinkOptions, context: SinkContext) {
    this.#options = options;
    this.#context = context;
  }

  accepts = (record: JournalRecord): boolean => acceptsRecord(this.#options, record);

  readCheckpoint(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /**
   * A call that takes too long is reported, and the next attempt waits for its end instead of starting another: a record is
   * never in two calls of one lane at once, and a call that ended well after all is not repeated.
   */
  async write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    const [outbound] = batch.records;
    assertInvariant(outbound !== undefined && batch.records.length === 1, 'a handler takes one record at a time');
    signal.throwIfAborted();
    const place = `${outbound.header.sequence}/${outbound.record.ordinal}`;
    const call = this.#calls.get(place) ?? this.#begin(outbound);
    this.#calls.set(place, call);
    const outcome = await this.#waitFor(call, outbound, signal);
    this.#calls.delete(place);
    if (outcome.kind === 'failed') throw this.#explain(outcome.thrown, outbound);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const call of this.#calls.values())
      call.abort.abort(new HeadwaterError('HW-INTERNAL-003', 'the lane of the handler was halted'));
  }

  #begin(outbound: OutboundRecord): Call {
    const abort = new AbortController();
    const ended = this.#call(outbound, abort.signal).then(
      (): Outcome => ({ kind: 'done' }),
      (thrown: unknown): Outcome => ({ kind: 'failed', thrown }),
    );
    return { abort, ended };
  }

  #waitFor(call: Call, outbound: OutboundRecord, signal: AbortSignal): Promise<Outcome> {
    const { name, timeoutMs = 30_000 } = this.#options;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        timer.clear();
        signal.removeEventListener('abort', stop);
      };
      const stop = (): void => {
        leave();
        call.abort.abort(signal.reason);
        reject(signal.reason);
      };
      const timer = this.#context.clock.setTimer(timeoutMs, () => {
        leave();
        const details = { record: outbound.id, timeoutMs };
        const late = new HeadwaterError(
          'HW-SINK-051',
          `handler "${name}" took longer than ${timeoutMs} ms for record ${outbound.id}`,
          { details },
        );
        call.abort.abort(late);
        reject(late);
      });
      signal.addEventListener('abort', stop, { once: true });
      void call.ended.finally(leave).then(resolve);
    });
  }

  async #call(outbound: OutboundRecord, signal: AbortSignal): Promise<void> {
    const { record } = outbound;
    const context = this.#createContext(outbound, signal);
    if (this.#options.handle !== undefined) await this.#options.handle(record, context);
    else if (record.kind === 'event') await this.#options.handleEvent?.(record.event, context);
    else await this.#options.handleChange?.(record, context);
  }

  #createContext(outbound: OutboundRecord, signal: AbortSignal): HandlerContext {
    const { name, schema = 'headwater' } = this.#options;
    const inbox = { schemaName: schema, installation: this.#context.installation, consumer: name };
    return {
      id: outbound.id,
      key: outbound.key,
      value: outbound.value,
      transaction: outbound.header,
      signal,
      once: (transaction) => noteMessage(transaction, inbox, outbound.id),
      stopLane: (reason) => {
        throw new HeadwaterError('HW-SINK-052', `handler "${name}" stopped at record ${outbound.id}: ${reason}`, {
          details: { record: outbound.id },
        });
      },
    };
  }

  /** A handler's own HeadwaterError keeps its code and with it the decision to retry or to stop. */
  #explain(thrown: unknown, outbound: OutboundRecord): HeadwaterError {
    if (thrown instanceof HeadwaterError) return thrown;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `handler "${this.#options.name}" failed for record ${outbound.id}: ${(text.split('\n', 1)[0] ?? '').slice(0, 500)}`;
    return new HeadwaterError('HW-SINK-050', message, { cause: thrown, details: { record: outbound.id } });
  }
}
