import { HeadwaterError } from '../../foundation/error.ts';

/** Characters of a key, at most. */
export const keyLengthMax = 255;

/*
 * Idempotency-Key = sf-item, a String. https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07#section-2.1
 *
 *   sf-string = DQUOTE *chr DQUOTE
 *   chr       = unescaped / escaped
 *   unescaped = %x20-21 / %x23-5B / %x5D-7E
 *   escaped   = "\" ( DQUOTE / "\" )
 *
 * https://www.rfc-editor.org/rfc/rfc9651#section-3.3.3. Parameters of the item are allowed and mean nothing (section 3.1.2).
 * Many clients send the key without quotes: then it is one word of visible characters that no list or parameter could be.
 */
const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"(.*)$/;
const parameters = /^(?: *; *[a-z*][a-z0-9_.*-]*(?:=(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"|[^\s",;]+))?)*$/;
const bare = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+$/;

/**
 * The key that a request carries. `undefined` or null: it has none.
 * @throws HW-IDEMPOTENCY-001 without a header, HW-IDEMPOTENCY-002 for one that is not valid.
 */
export function parseKeyHeader(header: string | null | undefined): string {
  if (header === undefined || header === null) {
    throw new HeadwaterError('HW-IDEMPOTENCY-001', 'the header Idempotency-Key is missing');
  }
  const key = readKey(header.replaceAll(/^ +| +$/g, ''));
  if (key === undefined) {
    throw new HeadwaterError('HW-IDEMPOTENCY-002', 'the header Idempotency-Key is not a String in double quotes');
  }
  if (key.length === 0 || key.length > keyLengthMax) {
    const message = `the Idempotency-Key has ${key.length} characters; it has 1 to ${keyLengthMax}`;
    throw new HeadwaterError('HW-IDEMPOTENCY-002', message, { details: { length: key.length } });
  }
  return key;
}

function readKey(text: string): string | undefined {
  if (!text.startsWith('"')) return bare.test(text) || text === '' ? text : undefined;
  const [, characters, rest] = quoted.exec(text) ?? [];
  if (characters === undefined || rest === undefined || !parameters.test(rest)) return undefined;
  return characters.replaceAll(/\\(["\\])/g, '$1');
}
