/** A WHATWG fetch handler. `native` is what an adapter was given by its framework, for whoever wants to see that. */
export type FetchHandler = (request: Request, native?: unknown) => Promise<Response>;
