/** With keys by Headwater, without keys, or with keys behind a middleware that keeps its answers in memory. */
export const edgeKinds = ['keyed', 'plain', 'middleware'] as const;
export type EdgeKind = (typeof edgeKinds)[number];
