import { toConnectionError } from '../../../postgres/connection-error.ts';
import type { HeadwaterError } from '../../../foundation/error.ts';

/*
 * ErrorResponse and NoticeResponse, https://www.postgresql.org/docs/18/protocol-message-formats.html
 *
 *   Byte1('E' or 'N') Int32(length) { Byte1(field) String(value) } Byte1(0)
 *
 * Fields used: V severity, C SQLSTATE, M message. The detail, which may quote values, is left out.
 */

const decoder = new TextDecoder();

/** The typed error for an ErrorResponse in the stream. */
export function decodeErrorResponse(bytes: Uint8Array, subject: string): HeadwaterError {
  const fields = decodeFields(bytes);
  return toConnectionError(new ServerError(fields), subject);
}

/** What a driver would have thrown: `toConnectionError` reads it in this form. */
class ServerError extends Error {
  readonly code: string;
  readonly severity: string;

  constructor(fields: ReadonlyMap<string, string>) {
    super(fields.get('M') ?? 'an error without a message');
    this.code = fields.get('C') ?? 'XX000';
    this.severity = fields.get('V') ?? 'ERROR';
  }
}

/** The text of a notice, for the log. */
export function decodeNotice(bytes: Uint8Array): string {
  return decodeFields(bytes).get('M') ?? '';
}

function decodeFields(bytes: Uint8Array): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let offset = 5;
  while (offset < bytes.length && bytes[offset] !== 0) {
    const end = bytes.indexOf(0, offset + 1);
    if (end === -1) break;
    fields.set(String.fromCharCode(bytes[offset] ?? 0), decoder.decode(bytes.subarray(offset + 1, end)));
    offset = end + 1;
  }
  return fields;
}
