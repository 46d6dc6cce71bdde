import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { HeadwaterError } from '../../../foundation/error.ts';

/*
 * Secrets of Standard Webhooks 1.0.0: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 *
 *   whsec_<base64 of 24 to 64 bytes>   symmetric, HMAC-SHA256, signatures "v1"
 *   whsk_<base64 of 32 bytes>          private key of ed25519 (its seed), signatures "v1a"
 *   whpk_<base64 of 32 bytes>          public key of ed25519, to verify only
 */

/** A key with the version of the signatures that it makes or checks. */
export interface WebhookKey {
  readonly version: 'v1' | 'v1a';
  readonly key: KeyObject;
}

const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');
const spkiHead = Buffer.from('302a300506032b6570032100', 'hex');

/** Reads a secret to sign with. @throws HW-WEBHOOK-001, without the secret's text */
export function parseSigningSecret(text: string): WebhookKey {
  if (text.startsWith('whsec_')) return parseSymmetric(text);
  if (text.startsWith('whsk_')) return { version: 'v1a', key: privateKey(decode(text, 32, 32)) };
  throw invalid('begins with neither whsec_ nor whsk_');
}

/** Reads a secret to verify with. @throws HW-WEBHOOK-001, without the secret's text */
export function parseVerifyingSecret(text: string): WebhookKey {
  if (text.startsWith('whpk_')) {
    const der = Buffer.concat([spkiHead, decode(text, 32, 32)]);
    return { version: 'v1a', key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
  }
  const secret = parseSigningSecret(text);
  return secret.version === 'v1' ? secret : { version: 'v1a', key: createPublicKey(secret.key) };
}

function parseSymmetric(text: string): WebhookKey {
  return { version: 'v1', key: createSecretKey(decode(text, 24, 64)) };
}

function privateKey(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
}

function decode(text: string, byteCountMin: number, byteCountMax: number): Buffer {
  const encoded = text.slice(text.indexOf('_') + 1);
  const bytes = Buffer.from(encoded, 'base64');
  // Node leaves out what is no base64; a secret with a typing error would be another secret.
  if (bytes.toString('base64') !== encoded) throw invalid('holds something else than base64 behind its prefix');
  if (bytes.length < byteCountMin || bytes.length > byteCountMax) {
    const wanted = byteCountMin === byteCountMax ? `${byteCountMin}` : `${byteCountMin} to ${byteCountMax}`;
    throw invalid(`holds ${bytes.length} bytes instead of ${wanted}`);
  }
  return bytes;
}

function invalid(reason: string): HeadwaterError {
  return new HeadwaterError('HW-WEBHOOK-001', `a webhook secret ${reason}`, {
    details: { option: 'secrets' },
    hint: `A secret is "whsec_" and 24 to 64 random bytes in base64: node -p "'whsec_' + crypto.randomBytes(32).toString('base64')"`,
  });
}
