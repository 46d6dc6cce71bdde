import type { FetchHandler } from './fetch-handler.ts';
import { type NodeRequestLike, type NodeResponseLike, toFetchRequest, writeNodeResponse } from './node-request.ts';

/** A handler of Express 4 or 5, of Connect, or of Node itself. */
export type ExpressHandler = (
  request: NodeRequestLike,
  response: NodeResponseLike,
  next: (error?: unknown) => void,
) => Promise<void>;

/**
 * Serves a fetch handler on a route of Express: `app.post('/orders', toExpress(handler))`. `principal` and `parse` are given the
 * request of Express, so what a middleware in front has put on it (`request.user`) is there. Errors go to `next`.
 */
export function toExpress(handler: FetchHandler): ExpressHandler {
  return async (request, response, next) => {
    try {
      await writeNodeResponse(await handler(toFetchRequest(request), request), response);
    } catch (thrown) {
      next(thrown);
    }
  };
}
