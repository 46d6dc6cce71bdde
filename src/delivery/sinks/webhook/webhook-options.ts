import { HeadwaterError } from '../../../foundation/error.ts';
import { createAddressRule, type PrivateAddresses } from './address-rules.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import type { WebhookLookup } from './guarded-lookup.ts';
import { parseSigningSecret } from './webhook-secret.ts';

/** `whsec_…` (symmetric) or `whsk_…` (private key of ed25519), or how to get it: asked again every minute. */
export type WebhookSecret = string | (() => string | Promise<string>);

/** TLS with the endpoint, in PEM. The certificate of the endpoint is always checked; there is no option against it. */
export interface WebhookTls {
  /** Authorities to trust instead of the public ones. */
  readonly ca?: string | readonly string[];
  /** The certificate and key of this side, where the endpoint asks for one. */
  readonly cert?: string;
  readonly key?: string;
}

/** What `webhookSink` takes. */
export interface WebhookSinkOptions {
  /** `https://…`. One lane has one endpoint, so that a slow receiver delays nobody else. */
  readonly url: string;
  /** Several while one is replaced by another: each request carries a signature for each of them. */
  readonly secrets: WebhookSecret | readonly WebhookSecret[];
  /** Sent with every request, `authorization` for example. Not signed. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long a request may take, from the question for the address to the end of the answer. Default 15,000 ms. */
  readonly timeoutMs?: number;
  /** A larger body is refused before it is sent. Default 1 MiB. Receivers like bodies below 20 kB. */
  readonly bodyBytesMax?: number;
  /** No `Retry-After` makes the lane wait longer than this. Default 3,600,000 ms. */
  readonly retryAfterMaxMs?: number;
  readonly tls?: WebhookTls;
  /** Permits `http://`: anybody on the way reads and changes what is sent. Default false. */
  readonly allowHttp?: boolean;
  /**
   * Addresses that are not public and may be reached all the same: `true` for loopback and private networks, or blocks such as
   * `10.2.0.0/16`. Default false: none, in whatever spelling, and also when a public name leads there.
   */
  readonly allowPrivateAddresses?: PrivateAddresses;
  /** Finds the addresses of the host. Default: the operating system. What it finds is checked and used for this connection. */
  readonly lookup?: WebhookLookup;
}

/** Options with every default filled in. */
export interface ResolvedWebhookOptions {
  readonly endpoint: Endpoint;
  readonly secrets: readonly WebhookSecret[];
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  readonly retryAfterMaxMs: number;
  readonly tls: WebhookTls;
  readonly mayConnect: (address: string) => boolean;
  readonly lookup: WebhookLookup | undefined;
}

/** The sink's own, and those by which a request could be made to end elsewhere or to hold another one. */
const reservedHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'traceparent',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'webhook-id',
  'webhook-signature',
  'webhook-timestamp',
]);

const secretCountMax = 8;

/** Checks the options as a whole and fills in the defaults. @throws HW-WEBHOOK-001, HW-WEBHOOK-002 */
export function resolveWebhookOptions(options: WebhookSinkOptions): ResolvedWebhookOptions {
  const secrets = listSecrets(options.secrets);
  const mayConnect = createAddressRule(options.allowPrivateAddresses ?? false);
  return {
    endpoint: parseEndpoint(options.url, { allowHttp: options.allowHttp === true, mayConnect }),
    secrets,
    headers: checkHeaders(options.headers ?? {}),
    timeoutMs: checkPositive('timeoutMs', options.timeoutMs ?? 15_000),
    bodyBytesMax: checkPositive('bodyBytesMax', options.bodyBytesMax ?? 1_048_576),
    retryAfterMaxMs: checkPositive('retryAfterMaxMs', options.retryAfterMaxMs ?? 3_600_000),
    tls: pickTls(options.tls ?? {}),
    mayConnect,
    lookup: options.lookup,
  };
}

function listSecrets(given: WebhookSinkOptions['secrets']): readonly WebhookSecret[] {
  const secrets = typeof given === 'string' || typeof given === 'function' ? [given] : given;
  if (!isSecretList(secrets)) throw invalid('secrets', `must be 1 to ${secretCountMax} texts or functions`);
  for (const secret of secrets) if (typeof secret === 'string') parseSigningSecret(secret);
  return secrets;
}

/** Configuration files are not type-checked when they run. */
function isSecretList(given: unknown): boolean {
  if (!Array.isArray(given) || given.length === 0 || given.length > secretCountMax) return false;
  return given.every((secret) => typeof secret === 'string' || typeof secret === 'function');
}

/** Names in lower case, as HTTP takes them for the same. */
function checkHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(name))
      throw invalid('headers', 'holds a name that HTTP does not allow');
    if (reservedHeaders.has(name.toLowerCase()))
      throw invalid('headers', `holds "${name}", which the sink sets itself`);
    // The value may be a credential and stays out of the message.
    if (typeof value !== 'string' || !/^[\t\x20-\x7e]{0,4096}$/.test(value)) {
      throw invalid('headers', `holds for "${name}" something else than one line of ASCII`);
    }
  }
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Only what can do no harm: a spread of Node's own options could carry `rejectUnauthorized: false` past the types. */
function pickTls(given: WebhookTls): WebhookTls {
  for (const name of Object.keys(given)) {
    if (!['ca', 'cert', 'key'].includes(name)) throw invalid('tls', `holds "${name}"; it takes ca, cert and key`);
  }
  return given;
}

function checkPositive(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value <= 0 || value > 0x7fff_ffff) {
    throw invalid(name, 'is no whole number from 1 to 2147483647');
  }
  return value;
}

function invalid(option: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-WEBHOOK-001', `the option "${option}" of the webhook sink ${reason}`, {
    details: { option },
  });
}
