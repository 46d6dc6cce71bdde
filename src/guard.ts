/** `headwater/guard`: finds network I/O inside open transactions, in development and in tests. Needs Node; hooks nothing until it is called. */
export {
  type GuardMode,
  type GuardOptions,
  guardTransactions,
  type NetworkCall,
  type TransactionGuard,
  watchTransaction,
} from './application/guard/guard-transactions.ts';
export type { NetworkVia } from './application/guard/network-watch.ts';
export type { WatchedUnit } from './application/guard/watched-unit.ts';
export type { WireProtocol } from './application/guard/wire-protocol.ts';
export { HeadwaterError } from './foundation/error.ts';
