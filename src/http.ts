/**
 * `headwater/http`: fetch handlers on the routes of Express, Fastify, Hono and NestJS. Pulls in none of them and no module of Node. Next,
 * Bun, Deno and workers take fetch handlers as they are.
 */
export { type ExpressHandler, toExpress } from './application/http/express.ts';
export {
  type FastifyHandler,
  type FastifyReplyLike,
  type FastifyRequestLike,
  toFastify,
} from './application/http/fastify.ts';
export type { FetchHandler } from './application/http/fetch-handler.ts';
export { type HonoContextLike, type HonoHandler, toHono } from './application/http/hono.ts';
export { type NestReplyLike, type NestRequestLike, toNest } from './application/http/nest.ts';
export type { NodeRequestLike, NodeResponseLike } from './application/http/node-request.ts';
