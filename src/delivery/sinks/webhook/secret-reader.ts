import type { Clock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { WebhookSecret } from './webhook-options.ts';
import { parseSigningSecret, type WebhookKey } from './webhook-secret.ts';

const freshMs = 60_000;

/** The keys to sign with. Functions are asked again every minute, so that a secret is rotated without a restart. */
export class SecretReader {
  readonly #secrets: readonly WebhookSecret[];
  readonly #clock: Clock;
  #read: { readonly keys: Promise<readonly WebhookKey[]>; readonly atMs: number } | undefined;

  constructor(secrets: readonly WebhookSecret[], clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  /** @throws HW-WEBHOOK-013 when a function fails, HW-WEBHOOK-001 when it returns no secret; both are asked again. */
  keys(): Promise<readonly WebhookKey[]> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#read !== undefined && nowMs - this.#read.atMs < freshMs) return this.#read.keys;
    const read = { keys: Promise.all(this.#secrets.map(readKey)), atMs: nowMs };
    this.#read = read;
    read.keys.catch(() => {
      if (this.#read === read) this.#read = undefined;
    });
    return read.keys;
  }
}

async function readKey(secret: WebhookSecret): Promise<WebhookKey> {
  if (typeof secret === 'string') return parseSigningSecret(secret);
  let text: unknown;
  try {
    text = await secret();
  } catch (thrown) {
    throw new HeadwaterError('HW-WEBHOOK-013', 'a function in the option "secrets" failed', { cause: thrown });
  }
  if (typeof text !== 'string') {
    throw new HeadwaterError('HW-WEBHOOK-001', `a function in the option "secrets" returned a ${typeof text}`, {
      details: { option: 'secrets' },
    });
  }
  return parseSigningSecret(text);
}
