import { createHmac, sign } from 'node:crypto';
import type { WebhookKey } from './webhook-secret.ts';

/** What a signature is made over. */
export interface SignedMessage {
  readonly id: string;
  /** Seconds since 1970, when this attempt was made. */
  readonly timestamp: number;
  /** The bytes that are sent. */
  readonly body: Uint8Array;
}

/** The value of `webhook-signature`: one signature for each key, so that a receiver may change to another one at any time. */
export function signMessage(message: SignedMessage, keys: readonly WebhookKey[]): string {
  return keys.map((key) => `${key.version},${signWith(key, message).toString('base64')}`).join(' ');
}

/** The signed text, `id.timestamp.body`. */
export function signedBytes({ id, timestamp, body }: SignedMessage): Buffer {
  return Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
}

/** The bytes of one signature. */
export function signWith({ version, key }: WebhookKey, message: SignedMessage): Buffer {
  const bytes = signedBytes(message);
  return version === 'v1' ? createHmac('sha256', key).update(bytes).digest() : sign(null, bytes, key);
}
