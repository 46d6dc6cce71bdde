import { isIP } from 'node:net';
import { HeadwaterError } from '../../../foundation/error.ts';

/** Where a sink sends to. */
export interface Endpoint {
  readonly url: URL;
  /** Whether the host is an address, so that no name is looked up. IPv6 without brackets. */
  readonly address: string | undefined;
  /** For `status`, logs and errors: without the query, which may hold a token. */
  readonly target: string;
}

/** What an endpoint may be. */
export interface EndpointRules {
  readonly allowHttp: boolean;
  readonly mayConnect: (address: string) => boolean;
}

/**
 * Reads the address of an endpoint. The parser of the URL standard turns every spelling of an IPv4 address (`2130706433`,
 * `0x7f.1`, full-width digits) into the one with four decimal numbers, so that there is one spelling to check.
 * @throws HW-WEBHOOK-001 for what is no such address, HW-WEBHOOK-002 for an address that is not public
 */
export function parseEndpoint(text: string, rules: EndpointRules): Endpoint {
  const url = URL.parse(text);
  if (url === null) throw invalid('is no URL');
  const target = `${url.origin}${url.pathname}`;
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw invalid('begins with neither https:// nor http://');
  if (url.protocol === 'http:' && !rules.allowHttp) {
    throw invalid('is plain http://, which anybody on the way can read; permit it with `allowHttp`');
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid('holds a user name or a password; send credentials with `headers`');
  }
  if (url.hash !== '') throw invalid('holds a fragment (#), which is never sent');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const address = isIP(host) === 0 ? undefined : host;
  if (address !== undefined && !rules.mayConnect(address)) throw refuseAddress(target, address);
  return { url, address, target };
}

/** The refusal of an address that is not public. */
export function refuseAddress(target: string, address: string): HeadwaterError {
  return new HeadwaterError(
    'HW-WEBHOOK-002',
    `the endpoint ${target} has the address ${address}, which is not public`,
    {
      details: { address },
    },
  );
}

function invalid(reason: string): HeadwaterError {
  return new HeadwaterError('HW-WEBHOOK-001', `the option "url" of the webhook sink ${reason}`, {
    details: { option: 'url' },
  });
}
