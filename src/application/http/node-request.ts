import { HeadwaterError } from '../../foundation/error.ts';

/** `IncomingMessage` of Node, and what frameworks put on it. */
export interface NodeRequestLike extends AsyncIterable<Uint8Array> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** Express: the URL in front of every router. */
  readonly originalUrl?: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly readableDidRead?: boolean;
  /** What a parser made of the body. */
  readonly body?: unknown;
  /** The bytes that a parser kept beside it. */
  readonly rawBody?: unknown;
}

/** `ServerResponse` of Node. */
export interface NodeResponseLike {
  statusCode: number;
  setHeader(name: string, value: string | readonly string[]): unknown;
  end(body?: Uint8Array): unknown;
}

/**
 * The same request for a fetch handler. A body that nobody has read is handed on as it comes. One that a parser has read is
 * taken from `rawBody`, or from bytes or text in `body`; what is neither is written as JSON again.
 * @throws HW-IDEMPOTENCY-015 for a body that was read and left nothing
 */
export function toFetchRequest(message: NodeRequestLike, parsed: unknown = message.body): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    for (const one of typeof value === 'string' ? [value] : value) headers.append(name, one);
  }
  const method = message.method ?? 'GET';
  const path = message.originalUrl ?? message.url ?? '/';
  const origin = `http://${headers.get('host') ?? 'localhost'}`;
  const url = `${URL.canParse(origin) ? origin : 'http://localhost'}${path.startsWith('/') ? path : '/'}`;
  if (method === 'GET' || method === 'HEAD') return new Request(url, { method, headers });
  const body = chooseBody(message, parsed, headers);
  // `duplex` is asked for by streams, and no type knows it.
  return new Request(url, { method, headers, ...(body === undefined ? {} : { body, duplex: 'half' }) });
}

/** Writes the answer of a fetch handler, its body in one piece. */
export async function writeNodeResponse(response: Response, target: NodeResponseLike): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  target.statusCode = response.status;
  for (const [name, value] of toHeaderEntries(response)) target.setHeader(name, value);
  target.end(body);
}

/** Headers with the cookies in one list, as Node wants them. */
export function toHeaderEntries(response: Response): readonly (readonly [name: string, value: string | string[]])[] {
  const cookies = response.headers.getSetCookie();
  const others = [...response.headers].filter(([name]) => name !== 'set-cookie');
  return cookies.length === 0 ? others : [...others, ['set-cookie', cookies]];
}

type Body = ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | string;

function chooseBody(message: NodeRequestLike, parsed: unknown, headers: Headers): Body | undefined {
  if (message.readableDidRead === false) return toStream(message);
  if (message.rawBody instanceof Uint8Array) return plain(new Uint8Array(message.rawBody), headers);
  if (parsed instanceof Uint8Array) return plain(new Uint8Array(parsed), headers);
  if (typeof parsed === 'string') return plain(parsed, headers);
  if (parsed !== undefined && parsed !== null) return toJson(parsed, headers);
  const isEmpty = (headers.get('content-length') ?? '0') === '0' && !headers.has('transfer-encoding');
  if (isEmpty) return undefined;
  throw new HeadwaterError('HW-IDEMPOTENCY-015', 'the body was read before, and neither body nor rawBody has it');
}

/** Leaves the rest unread when it is cancelled: Node throws that away behind the answer, and would cut the connection otherwise. */
function toStream(message: NodeRequestLike): ReadableStream<Uint8Array> {
  const chunks = message[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const next: IteratorResult<Uint8Array, unknown> = await chunks.next();
      if (next.done === true) controller.close();
      else controller.enqueue(new Uint8Array(next.value));
    },
  });
}

/** A parser has undone transfer and content codings, so that the headers no longer speak of this body. */
function plain<Bytes extends Body>(body: Bytes, headers: Headers): Bytes {
  for (const name of ['content-length', 'content-encoding', 'transfer-encoding']) headers.delete(name);
  return body;
}

function toJson(parsed: unknown, headers: Headers): string {
  const type = headers.get('content-type') ?? '';
  if (type.startsWith('multipart/')) {
    throw new HeadwaterError(
      'HW-IDEMPOTENCY-015',
      'the parts of a multipart body cannot be told from what a parser made of them',
    );
  }
  if (!/^application\/([^;]+\+)?json\s*(;|$)/i.test(type)) headers.set('content-type', 'application/json');
  return plain(JSON.stringify(parsed), headers);
}
