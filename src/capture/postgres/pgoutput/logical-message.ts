import type { MessageReader } from './message-reader.ts';

/** What `pg_logical_emit_message` wrote: the prefix tells whose it is. Valid only as long as the body is. */
export interface LogicalMessage {
  readonly prefix: string;
  /** A view of the body. */
  readonly content: Uint8Array;
}

/**
 * Message, behind its tag, https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
 *
 *     Int8    flags: 1 transactional, else 0
 *     Int64   LSN of the message
 *     String  prefix
 *     Int32   length of the content
 *     Byten   content
 *
 * A body holds transactional messages only: others belong to no transaction and are not recorded.
 */
export function decodeLogicalMessage(reader: MessageReader): LogicalMessage {
  reader.name('logical message');
  const flags = reader.readUint8();
  if (flags !== 1) reader.refuse(`it has the flags ${flags} inside a transaction`);
  reader.readUint64();
  const prefix = reader.readCString();
  const content = reader.readBytes(reader.readUint32());
  reader.close();
  return { prefix, content };
}
