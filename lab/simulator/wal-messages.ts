import { postgresEpochMicros } from '../../src/capture/postgres/replication/wire.ts';
import {
  cstring,
  keepalive,
  relation,
  tuple,
  uint32,
  uint64,
  walPiece,
} from '../../src/capture/testing/stream-bytes.ts';
import { unreachable } from '../../src/foundation/assert.ts';
import { encodeEvent, type SimulatedChange } from './simulated-change.ts';

/*
 * What a walsender sends for a transaction of the simulated table, with the WAL locations that a server gives: that of the
 * change for a change, however old it is by the time it is sent, and that of the commit for begin and commit.
 */

/** A change and where its WAL record lies. */
export interface WrittenChange {
  readonly lsn: bigint;
  readonly change: SimulatedChange;
}

/** A transaction that committed. */
export interface CommittedTransaction {
  readonly xid: number;
  readonly changes: readonly WrittenChange[];
  readonly commitLsn: bigint;
  readonly endLsn: bigint;
  readonly commitMicros: bigint;
}

const relationId = 16_400;
const columns = [{ name: 'id', isKey: true }, { name: 'value' }, { name: 'big' }];
const relationMessage = relation(relationId, 'rows', columns);

/** Whether a RELATION message must have been sent on this connection before the change. */
export function needsRelation({ kind }: SimulatedChange): boolean {
  return kind === 'insert' || kind === 'update' || kind === 'delete' || kind === 'truncate';
}

export function encodeRelation(): Buffer {
  return relationMessage;
}

export function encodeKeepalive(walEnd: bigint, isReplyRequested: boolean): Buffer {
  return keepalive(walEnd, isReplyRequested);
}

export function encodeBegin({ commitLsn, commitMicros, xid }: CommittedTransaction): Buffer {
  const time = uint64(commitMicros - postgresEpochMicros);
  return walPiece(Buffer.concat([Buffer.from('B'), uint64(commitLsn), time, uint32(xid)]), commitLsn);
}

export function encodeCommit({ commitLsn, endLsn, commitMicros }: CommittedTransaction): Buffer {
  const time = uint64(commitMicros - postgresEpochMicros);
  const commit = [Buffer.from('C'), Buffer.from([0]), uint64(commitLsn), uint64(endLsn), time];
  return walPiece(Buffer.concat(commit), endLsn);
}

export function encodeChange({ lsn, change }: WrittenChange): Buffer {
  return walPiece(Buffer.concat(changeParts(change, lsn)), lsn);
}

/** A message that belongs to no transaction: decoded at once, whether its writer commits or not. */
export function encodeLooseMessage(lsn: bigint, prefix: string, content: string): Buffer {
  return walPiece(Buffer.concat(messageParts(lsn, 0, prefix, Buffer.from(content))), lsn);
}

function changeParts(change: SimulatedChange, lsn: bigint): Buffer[] {
  switch (change.kind) {
    case 'insert': {
      const values = tuple([change.id, change.row.value, change.row.big]);
      return [Buffer.from('I'), uint32(relationId), Buffer.from('N'), values];
    }
    case 'update': {
      const { id, formerId, value, big } = change;
      const old = formerId === undefined ? [] : [Buffer.from('K'), tuple([formerId, null, null])];
      return [Buffer.from('U'), uint32(relationId), ...old, Buffer.from('N'), tuple([id, value, big])];
    }
    case 'delete':
      return [Buffer.from('D'), uint32(relationId), Buffer.from('K'), tuple([change.id, null, null])];
    case 'truncate':
      return [Buffer.from('T'), uint32(1), Buffer.from([0]), uint32(relationId)];
    case 'event':
      return messageParts(lsn, 1, 'headwater:1', encodeEvent(change));
    case 'message':
      return messageParts(lsn, 1, change.prefix, Buffer.from(change.content));
    default:
      return unreachable(change);
  }
}

function messageParts(lsn: bigint, flags: number, prefix: string, content: Buffer): Buffer[] {
  return [Buffer.from('M'), Buffer.from([flags]), uint64(lsn), cstring(prefix), uint32(content.length), content];
}
