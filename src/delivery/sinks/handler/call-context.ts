import { HeadwaterError } from '../../../foundation/error.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import type { TransactionLike } from '../../../postgres/transaction-handle.ts';
import type { OutboundRecord } from '../../sink.ts';
import type { HandlerCall } from './handler-call.ts';
import type { HandlerContext } from './handler-options.ts';
import type { ReceiptScope } from '../../../postgres/inbox-receipt.ts';
import { noteMessage } from './inbox.ts';

/**
 * What a handler is given with its record. Everything is a property of the object itself, functions without need of `this`, so
 * that it may be taken apart and copied.
 */
export class CallContext implements HandlerContext {
  readonly id: string;
  readonly key: string | null;
  readonly value: unknown;
  readonly transaction: TransactionHeader;
  declare readonly signal: AbortSignal;
  readonly once: (transaction: TransactionLike) => Promise<boolean>;
  readonly stopLane: (reason: string) => never;
  readonly #call: HandlerCall;

  constructor({ id, key, value, header }: OutboundRecord, call: HandlerCall, inbox: ReceiptScope) {
    this.id = id;
    this.key = key;
    this.value = value;
    this.transaction = header;
    this.#call = call;
    this.once = (transaction) => noteMessage(transaction, inbox, id);
    this.stopLane = (reason) => {
      throw new HeadwaterError('HW-SINK-052', `handler "${inbox.consumer}" stopped at record ${id}: ${reason}`, {
        details: { record: id },
      });
    };
    Object.defineProperty(this, 'signal', CallContext.#signal);
  }

  /** One getter for all: of its own, each record's would be a new shape of object to the engine, kept for long. */
  static readonly #signal: PropertyDescriptor = {
    enumerable: true,
    get(this: CallContext): AbortSignal {
      return this.#call.signal;
    },
  };
}
