/** `headwater/handler`: calls a function of the application, in order per key. */
export { handlerSink } from './delivery/sinks/handler/handler-sink.ts';
export type { HandlerContext, HandlerSinkOptions } from './delivery/sinks/handler/handler-options.ts';
export type { SinkDefinition } from './delivery/sink.ts';
export type { TransactionLike } from './postgres/transaction-handle.ts';
