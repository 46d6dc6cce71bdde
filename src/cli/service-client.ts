import { readFile } from 'node:fs/promises';

import { isErrorCode } from '../foundation/error-codes.ts';
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
  return await request(input, path, undefined);
}

/**
 * Has a running Headwater do something. @returns its answer
 * @throws HW-SERVICE-002 nobody answers, -003 refused, and the code that it refuses with; rejects with the signal's reason on
 * cancel, with the outcome unknown
 */
export async function tellService(input: CommandInput, path: string, body: object): Promise<unknown> {
  const answer = await request(input, path, JSON.stringify(body));
  if (answer.statusCode === 200) return answer.body;
  throw readRefusal(answer.body) ?? new HeadwaterError('HW-SERVICE-003', `${path} answered ${answer.statusCode}`);
}

function readRefusal(body: unknown): HeadwaterError | undefined {
  if (typeof body !== 'object' || body === null || !('error' in body)) return undefined;
  const { error } = body;
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error)) return undefined;
  const code = String(error.code);
  return isErrorCode(code) ? new HeadwaterError(code, String(error.message)) : undefined;
}

async function request(input: CommandInput, path: string, body: string | undefined): Promise<ServiceAnswer> {
  const { url, token } = await findService(input);
  const timeout = AbortSignal.timeout(input.number('timeout-ms') ?? 5000);
  const response = await send(new URL(path, url), {
    signal: AbortSignal.any([input.signal, timeout]),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { method: 'POST', body }),
  });
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

async function send(url: URL, options: RequestInit): Promise<Response> {
  try {
    return await fetch(url, options);
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
