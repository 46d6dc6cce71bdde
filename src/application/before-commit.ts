import { type Lsn, parseLsn } from '../model/lsn.ts';
import type { ResultRow } from '../postgres/transaction-handle.ts';

/** What the last statement before COMMIT has said of the transaction that was begun. */
export interface BeforeCommit {
  /** Undefined: it wrote nothing. */
  readonly xid: bigint | undefined;
  /** Where the server was; only of one that wrote nothing, and not on a standby. */
  readonly lsn: Lsn | undefined;
  /** The process of the server, as `KnownServers` takes it. */
  readonly backend: string;
}

/** Reads what a statement of `transact.sql.ts` gave. Undefined: the transaction is not the one that was begun. */
export function readBeforeCommit(row: ResultRow | undefined): BeforeCommit | undefined {
  const facts = row?.['facts'];
  if (typeof facts !== 'string') return undefined;
  const end = facts.indexOf(' ');
  const first = facts.slice(0, end);
  const backend = facts.slice(end + 1);
  if (first === 'standby') return { xid: undefined, lsn: undefined, backend };
  return first.includes('/')
    ? { xid: undefined, lsn: parseLsn(first), backend }
    : { xid: BigInt(first), lsn: undefined, backend };
}
