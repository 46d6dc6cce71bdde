import { isIP, type LookupFunction } from 'node:net';
import { HeadwaterError } from '../../../foundation/error.ts';
import { refuseAddress } from './endpoint.ts';

/** Finds the addresses of a host, as text. Rejects when there are none. */
export type WebhookLookup = (hostname: string) => Promise<readonly string[]>;

/** What a guarded lookup works with. */
export interface GuardedLookupOptions {
  readonly lookup: WebhookLookup;
  readonly mayConnect: (address: string) => boolean;
  readonly target: string;
}

interface Found {
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * The lookup that each new connection uses: one question, every answer checked, and the connection goes to what was checked.
 * A name that is public at one moment and private at the next (DNS rebinding) finds no gap between the two, because there is
 * no second question. One address that is not public spoils the whole answer.
 */
export function createGuardedLookup(options: GuardedLookupOptions): LookupFunction {
  return (hostname, { all }, callback) => {
    void (async (): Promise<void> => {
      const found = await findChecked(hostname, options).catch((thrown: unknown) => toError(thrown));
      if (found instanceof Error) callback(found, '');
      else if (all === true) callback(null, [...found]);
      else callback(null, found[0].address, found[0].family);
    })();
  };
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : HeadwaterError.from(thrown, 'HW-SINK-001');
}

async function findChecked(
  hostname: string,
  { lookup, mayConnect, target }: GuardedLookupOptions,
): Promise<readonly [Found, ...Found[]]> {
  const addresses = await lookup(hostname);
  const refused = addresses.find((address) => !mayConnect(address));
  if (refused !== undefined) throw refuseAddress(target, refused);
  const [first, ...rest] = addresses.map((address): Found => ({ address, family: isIP(address) === 6 ? 6 : 4 }));
  if (first === undefined) throw new HeadwaterError('HW-SINK-001', `the host of ${target} has no address`);
  return [first, ...rest];
}
