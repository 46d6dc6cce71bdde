import type { FetchHandler } from './fetch-handler.ts';

/** `Context` of Hono. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request; arrayBuffer(): Promise<ArrayBuffer> };
}

/** A handler of a route of Hono. */
export type HonoHandler = (context: HonoContextLike) => Promise<Response>;

/**
 * Serves a fetch handler on a route of Hono: `app.post('/orders', toHono(handler))`. `principal` and `parse` are given Hono's context.
 * A body that a middleware has read is taken from what Hono kept of it.
 */
export function toHono(handler: FetchHandler): HonoHandler {
  return async (context) => {
    const { raw } = context.req;
    if (!raw.bodyUsed) return handler(raw, context);
    const { method, headers, url } = raw;
    return handler(new Request(url, { method, headers, body: await context.req.arrayBuffer() }), context);
  };
}
