import { type Lsn, parseLsn } from '../../model/lsn.ts';
import type { ResultRow } from '../../postgres/transaction-handle.ts';

/** What the last statement before COMMIT has said of the transaction that was begun. */
export interface BeforeCommit {
  /** Undefined: it wrote nothing. */
  readonly xid: bigint | undefined;
  /** Where the server was, of one without events: behind all that it has read, and not behind what it wrote. */
  readonly lsn: Lsn | undefined;
  /** The process of the server, as `KnownServers` takes it. */
  readonly backend: string;
}

/** The mark, the id if there is one, the location if it was asked, and the backend: its id and a time with spaces of its own. */
const factsPattern = /^open (?:(\d+) )?(?:([\dA-F]+\/[\dA-F]+) )?(\d+ .+)$/;

/** Reads what a statement of `transact.sql.ts` gave. Undefined: the transaction is not the one that was begun. */
export function readBeforeCommit(row: ResultRow | undefined): BeforeCommit | undefined {
  const facts = row?.['facts'];
  const [, xid, lsn, backend] = (typeof facts === 'string' ? factsPattern.exec(facts) : undefined) ?? [];
  if (backend === undefined || (xid ?? lsn) === undefined) return undefined;
  return {
    xid: xid === undefined ? undefined : BigInt(xid),
    lsn: lsn === undefined ? undefined : parseLsn(lsn),
    backend,
  };
}
