import type { FetchHandler } from './fetch-handler.ts';
import { type NodeRequestLike, toFetchRequest, toHeaderEntries } from './node-request.ts';

/** `FastifyRequest`. */
export interface FastifyRequestLike {
  readonly raw: NodeRequestLike;
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** `FastifyReply`. */
export interface FastifyReplyLike {
  code(status: number): unknown;
  header(name: string, value: string | string[]): unknown;
  send(body?: Uint8Array): unknown;
}

/** A handler of a route of Fastify. */
export type FastifyHandler = (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown>;

/**
 * Serves a fetch handler on a route of Fastify: `app.post('/orders', toFastify(handler))`. `principal` and `parse` are given the
 * request of Fastify; its hooks run as for every route. The body is what Fastify's parser made of it, as JSON again, or `rawBody`.
 */
export function toFastify(handler: FetchHandler): FastifyHandler {
  return async (request, reply) => {
    const parsed = request.rawBody instanceof Uint8Array ? request.rawBody : request.body;
    const response = await handler(toFetchRequest(request.raw, parsed), request);
    const body = new Uint8Array(await response.arrayBuffer());
    reply.code(response.status);
    for (const [name, value] of toHeaderEntries(response)) reply.header(name, value);
    return reply.send(body.length === 0 ? undefined : body);
  };
}
