import type { Clock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { WebhookSecret } from './webhook-options.ts';
import { parseSigningSecret, type WebhookKey } from './webhook-secret.ts';

const freshMs = 60_000;

interface ReadKeys {
  readonly keys: Promise<readonly WebhookKey[]>;
  readonly atMs: number;
  /** Undefined while the functions are asked. */
  known: readonly WebhookKey[] | undefined;
}

/** The keys to sign with. Functions are asked again every minute, so that a secret is rotated without a restart. */
export class SecretReader {
  readonly #secrets: readonly WebhookSecret[];
  readonly #clock: Clock;
  #read: ReadKeys | undefined;

  constructor(secrets: readonly WebhookSecret[], clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  /** The keys, where they were read less than a minute ago. */
  get known(): readonly WebhookKey[] | undefined {
    return this.#isFresh(this.#read) ? this.#read?.known : undefined;
  }

  /** @throws HW-WEBHOOK-013 when a function fails, HW-WEBHOOK-001 when it returns no secret; both are asked again. */
  keys(): Promise<readonly WebhookKey[]> {
    if (this.#read !== undefined && this.#isFresh(this.#read)) return this.#read.keys;
    const keys = Promise.all(this.#secrets.map(readKey));
    const read: ReadKeys = { keys, atMs: this.#clock.monotonicMs(), known: undefined };
    this.#read = read;
    keys.then(
      (known) => (read.known = known),
      () => {
        if (this.#read === read) this.#read = undefined;
      },
    );
    return keys;
  }

  #isFresh(read: ReadKeys | undefined): boolean {
    return read !== undefined && this.#clock.monotonicMs() - read.atMs < freshMs;
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
