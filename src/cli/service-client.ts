import { readFile } from 'node:fs/promises';

import { HeadwaterError } from '../foundation/error.ts';
import { readSecret } from '../service/secret.ts';
import type { OptionDefinition } from './command.ts';
import type { CommandInput } from './command.ts';
import { loadConfig } from './load-config.ts';

/** Options of commands that ask a running Headwater. */
export const clientOptions: Readonly<Record<string, OptionDefinition>> = {
  url: {
    type: 'string',
    placeholder: 'URL',
    description: 'Address of the running Headwater. Default: from the configuration.',
  },
  'token-file': { type: 'string', placeholder: 'FILE', description: 'File with the token of http.token.' },
  'timeout-ms': { type: 'string', placeholder: 'N', description: 'How long to wait for the answer. Default 5000.' },
};

/** What the service answered: JSON parsed, anything else as text. */
export interface ServiceAnswer {
  readonly statusCode: number;
  readonly body: unknown;
}

/**
 * Asks a running Headwater over HTTP.
 * @throws HW-SERVICE-002 nobody answers, -003 refused; rejects with the signal's reason on cancel
 */
export async function askService(input: CommandInput, path: string): Promise<ServiceAnswer> {
  const { url, token } = await findService(input);
  const timeoutMs = input.number('timeout-ms') ?? 5000;
  const response = await request(
    new URL(path, url),
    token,
    AbortSignal.any([input.signal, AbortSignal.timeout(timeoutMs)]),
  );
  input.signal.throwIfAborted();
  if (response.status === 401 || response.status === 403) {
    throw new HeadwaterError('HW-SERVICE-003', `${url} answered ${response.status} to ${path}`);
  }
  const text = await response.text();
  return {
    statusCode: response.status,
    body: response.headers.get('content-type')?.includes('json') === true ? JSON.parse(text) : text,
  };
}

async function request(url: URL, token: string | undefined, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { signal, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
  } catch (cause) {
    throw new HeadwaterError('HW-SERVICE-002', `nothing answers at ${url.origin}`, { cause });
  }
}

async function findService(input: CommandInput): Promise<{ url: string; token: string | undefined }> {
  const url = input.text('url');
  const token = await givenToken(input);
  if (url !== undefined) {
    if (URL.canParse(url)) return { url, token };
    throw new HeadwaterError('HW-SERVICE-004', `--url is no address: "${url}"`);
  }
  const { http } = await loadConfig(input.text('config'), input.terminal.environment);
  if (http === false)
    throw new HeadwaterError('HW-SERVICE-002', 'the configuration has `http: false`, so there is nothing to ask');
  const host = http.host === '0.0.0.0' || http.host === '::' ? '127.0.0.1' : http.host;
  const configured = http.token === undefined ? undefined : await readSecret(http.token, 'http.token');
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${http.port}`, token: token ?? configured };
}

async function givenToken(input: CommandInput): Promise<string | undefined> {
  const file = input.text('token-file');
  if (file === undefined) return input.terminal.environment['HEADWATER_HTTP_TOKEN'];
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    throw new HeadwaterError('HW-CONFIG-005', `the token file ${file} could not be read`);
  }
}
