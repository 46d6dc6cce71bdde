import { timingSafeEqual, verify } from 'node:crypto';
import { systemClock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { signedBytes, type SignedMessage, signWith } from './signature.ts';
import { parseVerifyingSecret, type WebhookKey } from './webhook-secret.ts';

/** The headers of a received request: of Node, of `fetch`, or a plain object. Names in any case. */
export type ReceivedHeaders =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null };

/** How strictly a request is checked. */
export interface VerifyWebhookOptions {
  /** How far the request's timestamp may lie from now, in either direction. Default 300 s. */
  readonly toleranceSeconds?: number;
  /** Milliseconds since 1970. Default: the machine's clock. */
  readonly nowMs?: number;
}

/** A request whose signature fits. */
export interface VerifiedWebhook {
  /** The same over every delivery: note it together with the effect, and drop what was noted before. */
  readonly id: string;
  /** When this attempt was sent. */
  readonly sentAt: Date;
}

const signatureCountMax = 32;

/**
 * Checks that a request was signed with one of the secrets (`whsec_…`, or `whpk_…` for a public key), over exactly these bytes,
 * not long ago. Compares in constant time. Give several secrets while one is replaced by another.
 * @throws HW-WEBHOOK-020 without the three headers, HW-WEBHOOK-021 outside the tolerance, HW-WEBHOOK-022 when no signature fits,
 * HW-WEBHOOK-001 for a secret that is none. Answer 401 to the first three; say no more than that to the sender.
 */
export function verifyWebhook(
  headers: ReceivedHeaders,
  body: string | Uint8Array,
  secrets: string | readonly string[],
  { toleranceSeconds = 300, nowMs = systemClock.now() }: VerifyWebhookOptions = {},
): VerifiedWebhook {
  const keys = (typeof secrets === 'string' ? [secrets] : secrets).map(parseVerifyingSecret);
  if (keys.length === 0) throw new HeadwaterError('HW-WEBHOOK-001', 'verifyWebhook was given no secret');
  const id = readHeader(headers, 'webhook-id');
  if (id.includes('.')) throw malformed('webhook-id');
  const timestamp = parseTimestamp(readHeader(headers, 'webhook-timestamp'));
  const signatures = readHeader(headers, 'webhook-signature').split(' ', signatureCountMax);
  const ageSeconds = Math.floor(nowMs / 1000) - timestamp;
  if (!(Math.abs(ageSeconds) <= toleranceSeconds)) {
    const message = `the request was signed ${ageSeconds} s ago; the tolerance is ${toleranceSeconds} s`;
    throw new HeadwaterError('HW-WEBHOOK-021', message, { details: { ageSeconds, toleranceSeconds } });
  }
  const message = { id, timestamp, body: typeof body === 'string' ? Buffer.from(body) : body };
  if (!signatures.some((signature) => keys.some((key) => fits(signature, key, message)))) {
    throw new HeadwaterError('HW-WEBHOOK-022', 'no signature of the request fits one of the secrets');
  }
  return { id, sentAt: new Date(timestamp * 1000) };
}

function fits(signature: string, webhookKey: WebhookKey, message: SignedMessage): boolean {
  const [version, encoded = ''] = signature.split(',', 2);
  if (version !== webhookKey.version) return false;
  const given = Buffer.from(encoded, 'base64');
  if (webhookKey.version === 'v1a') {
    return given.length === 64 && verify(null, signedBytes(message), webhookKey.key, given);
  }
  const wanted = signWith(webhookKey, message);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function readHeader(headers: ReceivedHeaders, name: string): string {
  const value = isHeaders(headers) ? headers.get(name) : valueOf(headers, name);
  if (typeof value !== 'string' || value === '') throw malformed(name);
  return value;
}

function isHeaders(headers: ReceivedHeaders): headers is { get(name: string): string | null } {
  return typeof headers['get'] === 'function';
}

function valueOf(headers: Readonly<Record<string, string | readonly string[] | undefined>>, name: string): unknown {
  const values = Object.entries(headers).flatMap(([key, value]) => (key.toLowerCase() === name ? [value] : []));
  return values.length === 1 ? values[0] : undefined;
}

function parseTimestamp(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw malformed('webhook-timestamp');
  return Number(text);
}

function malformed(name: string): HeadwaterError {
  return new HeadwaterError('HW-WEBHOOK-020', `the header ${name} is missing or malformed`, {
    details: { header: name },
  });
}
