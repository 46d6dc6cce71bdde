import { assertInvariant } from '../../foundation/assert.ts';
import { hasFunction } from '../../postgres/handles/structure.ts';
import type { FetchHandler } from './fetch-handler.ts';
import { type FastifyReplyLike, type FastifyRequestLike, toFastify } from './fastify.ts';
import { type NodeRequestLike, type NodeResponseLike, toFetchRequest, writeNodeResponse } from './node-request.ts';

/** What `@Req()` and `@Res()` give on Nest's two platforms. */
export type NestRequestLike = NodeRequestLike | FastifyRequestLike;
/** As `NestRequestLike`. */
export type NestReplyLike = NodeResponseLike | FastifyReplyLike;

/**
 * Serves a fetch handler from a method of a controller, on the platform of Express or of Fastify:
 * `place(@Req() request, @Res() reply) { return this.serve(request, reply); }`. Guards, pipes and interceptors in front run as for every
 * method, and `principal` is given the request that they saw. Errors go to Nest's exception filters.
 */
export function toNest(handler: FetchHandler): (request: NestRequestLike, reply: NestReplyLike) => Promise<void> {
  const serveFastify = toFastify(handler);
  return async (request, reply) => {
    if ('raw' in request) {
      assertInvariant(isFastifyReply(reply), 'a reply of Fastify comes with a request of Fastify');
      await serveFastify(request, reply);
    } else {
      assertInvariant(!isFastifyReply(reply), 'a response of Node comes with a request of Node');
      await writeNodeResponse(await handler(toFetchRequest(request), request), reply);
    }
  };
}

function isFastifyReply(reply: NestReplyLike): reply is FastifyReplyLike {
  return hasFunction(reply, 'code') && hasFunction(reply, 'send');
}
