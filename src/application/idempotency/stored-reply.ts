import { HeadwaterError } from '../../foundation/error.ts';

/** An answer as it is kept: status, headers in their order, body. */
export interface StoredReply {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A stored answer, and when its key is forgotten: seconds since 1970. */
export interface FinalReply {
  readonly reply: StoredReply;
  readonly expiresAtSeconds: number;
}

/**
 * Reads a response whole, once. Every header that it has is kept; what a server adds on the way (`date`, `connection`) is not in it.
 * @throws HW-IDEMPOTENCY-010 beyond `bytesMax`, or for a status that no answer has.
 */
export async function readReply(response: Response, bytesMax: number): Promise<StoredReply> {
  const { status } = response;
  if (status < 200 || status > 599) throw unstorable(`status ${status} is no final answer`);
  const body = await readBody(response, bytesMax);
  if (body === undefined) throw unstorable(`the body of the answer is larger than ${bytesMax} bytes`);
  return { status, headers: [...response.headers], body };
}

/** The bytes of a request or response; undefined beyond `bytesMax`, and then the rest is not read. */
export async function readBody(
  message: Pick<Response, 'body'>,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the stream.
  const stream: AsyncIterable<Uint8Array> | null = message.body;
  for await (const chunk of stream ?? []) {
    length += chunk.length;
    if (length > bytesMax) return undefined;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** Header of an answer that was given before. */
export const replayedHeader = 'idempotent-replayed';
/** Header that says until when the key is remembered. */
export const expiresHeader = 'idempotency-key-expires';

/** The answer as it goes out: the same each time but for the mark of a replay. */
export function writeReply({ reply, expiresAtSeconds }: FinalReply, isReplay: boolean): Response {
  const headers = new Headers();
  for (const [name, value] of reply.headers) headers.append(name, value);
  headers.set(expiresHeader, new Date(expiresAtSeconds * 1000).toUTCString());
  if (isReplay) headers.set(replayedHeader, 'true');
  return new Response(reply.body.length === 0 ? null : reply.body, { status: reply.status, headers });
}

/** Default of `isFinal`: an answer that says "later" or "the server failed" is passed on and not kept. */
export function isFinalStatus(status: number): boolean {
  return status < 500 && status !== 408 && status !== 425 && status !== 429;
}

function unstorable(message: string): HeadwaterError {
  return new HeadwaterError('HW-IDEMPOTENCY-010', message);
}
