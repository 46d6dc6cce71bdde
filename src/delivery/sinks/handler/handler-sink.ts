import { assertInvariant } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { ReceiptScope } from '../../../postgres/inbox-receipt.ts';
import type { OutboundBatch, OutboundRecord, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../../sink.ts';
import type { HandlerSinkOptions } from './handler-options.ts';
import { CallContext } from './call-context.ts';
import { CallWaits } from './call-waits.ts';
import { type CallOutcome, HandlerCall } from './handler-call.ts';

const timeoutMsDefault = 30_000;
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

class HandlerSink implements Sink {
  readonly capabilities: SinkCapabilities = capabilities;
  readonly #options: HandlerSinkOptions;
  readonly #inbox: ReceiptScope;
  readonly #waits: CallWaits;
  /** Calls that took too long, and such of them as have ended since, by the place of their record. */
  readonly #late = new Map<string, HandlerCall>();

  constructor(options: HandlerSinkOptions, context: SinkContext) {
    const { name, schema = 'headwater' } = options;
    this.#options = options;
    this.#inbox = { schemaName: schema, installation: context.installation, consumer: name };
    this.#waits = new CallWaits({ clock: context.clock, timeoutMs: options.timeoutMs ?? timeoutMsDefault });
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
    const call = this.#takeLate(outbound) ?? this.#begin(outbound);
    const outcome = call.outcome ?? (await this.#waitFor(call, outbound, signal));
    if (outcome.kind === 'failed') throw this.#explain(outcome.thrown, outbound);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#waits.close(new HeadwaterError('HW-INTERNAL-003', 'the lane of the handler was halted'));
  }

  #takeLate(outbound: OutboundRecord): HandlerCall | undefined {
    if (this.#late.size === 0) return undefined;
    const place = placeOf(outbound);
    const call = this.#late.get(place);
    this.#late.delete(place);
    return call;
  }

  #begin(outbound: OutboundRecord): HandlerCall {
    const call = new HandlerCall();
    call.begin(() => this.#call(outbound, call));
    return call;
  }

  async #waitFor(call: HandlerCall, outbound: OutboundRecord, signal: AbortSignal): Promise<CallOutcome> {
    try {
      return await this.#waits.until(call, { signal, late: () => this.#lateError(outbound) });
    } catch (thrown) {
      this.#late.set(placeOf(outbound), call);
      throw thrown;
    }
  }

  #lateError({ id }: OutboundRecord): HeadwaterError {
    const { name, timeoutMs = timeoutMsDefault } = this.#options;
    const message = `handler "${name}" took longer than ${timeoutMs} ms for record ${id}`;
    return new HeadwaterError('HW-SINK-051', message, { details: { record: id, timeoutMs } });
  }

  #call(outbound: OutboundRecord, call: HandlerCall): Promise<void> | void {
    const { record } = outbound;
    const context = new CallContext(outbound, call, this.#inbox);
    if (this.#options.handle !== undefined) return this.#options.handle(record, context);
    if (record.kind === 'event') return this.#options.handleEvent?.(record.event, context);
    return this.#options.handleChange?.(record, context);
  }

  /** A handler's own HeadwaterError keeps its code and with it the decision to retry or to stop. */
  #explain(thrown: unknown, outbound: OutboundRecord): HeadwaterError {
    if (thrown instanceof HeadwaterError) return thrown;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `handler "${this.#options.name}" failed for record ${outbound.id}: ${(text.split('\n', 1)[0] ?? '').slice(0, 500)}`;
    return new HeadwaterError('HW-SINK-050', message, { cause: thrown, details: { record: outbound.id } });
  }
}

/** A record's place in the journal; an event's id may come twice. */
function placeOf({ header, record }: OutboundRecord): string {
  return `${header.sequence}/${record.ordinal}`;
}
