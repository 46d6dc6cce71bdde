import { toConnectionError } from '../../../postgres/connection-error.ts';
import type { HeadwaterError } from '../../../foundation/error.ts';

/*
 * ErrorResponse and NoticeResponse, https://www.postgresql.org/docs/18/protocol-message-formats.html
 *
 *   Byte1('E' or 'N') Int32(length) { Byte1(field) String(value) } Byte1(0)
 *
 * Fields used: V severity, C SQLSTATE, M message, R the routine, which no language setting translates. The detail, which may quote values, is left out.
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

/** A warning or notice in the stream. */
export interface StreamNotice {
  readonly text: string;
  /** A publication that is missing at the place that is decoded is left out, and what it would have let through with it. */
  readonly isSkippedPublication: boolean;
}

/** https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/replication/pgoutput/pgoutput.c, LoadPublications */
export function decodeNotice(bytes: Uint8Array): StreamNotice {
  const fields = decodeFields(bytes);
  const isSkippedPublication = fields.get('C') === '55000' && fields.get('R') === 'LoadPublications';
  return { text: fields.get('M') ?? '', isSkippedPublication };
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
