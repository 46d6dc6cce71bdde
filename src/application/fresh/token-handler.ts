import { HeadwaterError } from '../../foundation/error.ts';
import { decodeVersionToken, mergeVersionTokens, type VersionToken } from '../../model/version-token.ts';

/** The name of the header, and of the cookie, that carries a token. */
export const tokenHeaderName = 'headwater-token';

/** Keeps tokens on the side of the server: by session, by user. For clients that carry nothing. */
export interface TokenStore {
  get(request: Request): Promise<string | undefined>;
  set(request: Request, token: VersionToken): Promise<void>;
}

/** Where tokens are read from and written to. */
export interface TokenCarriers {
  /** True: in a cookie, too, for browsers. Default false. */
  readonly cookie?: boolean;
  /** Attributes of the cookie. Default `Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=300`: a lane is seldom further behind. */
  readonly cookieAttributes?: string;
  readonly store?: TokenStore;
}

/** The token of one request: what came, and what was added by its handler. */
export interface RequestTokens {
  /** What must be seen; undefined: nothing. Pass it to `readFresh` or `readyFor`. */
  readonly token: VersionToken | undefined;
  /** A write of this request, or what a store showed: merged, so that the client's token only rises. @throws HW-TOKEN-001, -002 */
  note(token: string): void;
}

/** Answers a request, and says by `tokens` what it read and wrote. */
export type TokenAwareHandler = (request: Request, tokens: RequestTokens) => Promise<Response> | Response;

/**
 * Wraps a fetch handler: reads the token of a request, and gives the client the merged one with the answer. What is no token is answered
 * with 400; a store that is not fresh in time, with 503 and Retry-After; a token that the store cannot judge, with 409. All as
 * `application/problem+json` with the code. Other errors pass.
 */
export function withVersionToken(
  handler: TokenAwareHandler,
  carriers: TokenCarriers = {},
): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const tokens = await openTokens(request, carriers);
      const response = await handler(request, tokens);
      return await carryToken(request, response, { tokens, carriers });
    } catch (thrown) {
      const answer = toTokenProblem(thrown);
      if (answer === undefined) throw thrown;
      return answer;
    }
  };
}

/** Reads the token of a request from header, cookie and store, merged. @throws HW-TOKEN-001, -002 */
export async function readRequestToken(
  request: Request,
  { cookie = false, store }: TokenCarriers = {},
): Promise<VersionToken | undefined> {
  const found = [
    request.headers.get(tokenHeaderName),
    cookie ? readCookie(request.headers.get('cookie')) : undefined,
    await store?.get(request),
  ].filter((token) => typeof token === 'string');
  return found.length === 0 ? undefined : mergeVersionTokens(...found);
}

/** The answer to an error of a token; undefined for other errors. */
export function toTokenProblem(thrown: unknown): Response | undefined {
  if (!(thrown instanceof HeadwaterError) || !thrown.code.startsWith('HW-TOKEN-')) return undefined;
  const { code, details, hint, message, policy } = thrown;
  const status = code === 'HW-TOKEN-001' ? 400 : policy === 'retry' ? 503 : 409;
  const body = { type: 'about:blank', status, title: message, code, hint, details };
  const headers = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' };
  return new Response(JSON.stringify(body), {
    status,
    headers: status === 503 ? { ...headers, 'retry-after': '1' } : headers,
  });
}

interface OpenTokens extends RequestTokens {
  readonly merged: VersionToken | undefined;
}

async function openTokens(request: Request, carriers: TokenCarriers): Promise<OpenTokens> {
  const token = await readRequestToken(request, carriers);
  let merged = token;
  return {
    token,
    note(noted) {
      merged = merged === undefined ? mergeVersionTokens(noted) : mergeVersionTokens(merged, noted);
    },
    get merged() {
      return merged;
    },
  };
}

const cookieAttributesDefault = 'Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=300';

async function carryToken(
  request: Request,
  response: Response,
  { carriers, tokens: { merged } }: { readonly tokens: OpenTokens; readonly carriers: TokenCarriers },
): Promise<Response> {
  if (merged === undefined) return response;
  await carriers.store?.set(request, merged);
  // Headers of an answer that was fetched are immutable.
  const answer = new Response(response.body, response);
  answer.headers.set(tokenHeaderName, merged);
  // An answer is true of who asked with which token.
  answer.headers.append('vary', tokenHeaderName);
  if (carriers.cookie === true) {
    const attributes = carriers.cookieAttributes ?? cookieAttributesDefault;
    answer.headers.append('set-cookie', `${tokenHeaderName}=${merged}; ${attributes}`);
  }
  return answer;
}

function readCookie(header: string | null): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const [name, value] = pair.trim().split('=');
    if (name === tokenHeaderName && value !== undefined) return value;
  }
  return undefined;
}

/** Whether a text is a token, for those who must know before they begin. */
export function isVersionToken(text: string): text is VersionToken {
  try {
    decodeVersionToken(text);
    return true;
  } catch {
    return false;
  }
}
