import { createHash } from 'node:crypto';

import type { ResolvedLaneOptions } from './lane-options.ts';

/**
 * What tells the functions of a lane from others: a digest of their text, blanks apart. What they call, and the values that
 * they close over, is not in it. Pure.
 */
export function digestFunctions({
  filter,
  route,
  map,
  key,
}: Pick<ResolvedLaneOptions, 'filter' | 'route' | 'map' | 'key'>): string {
  const texts = [filter, route, map, key].map((one) => one?.toString().replaceAll(/\s+/g, ' ') ?? null);
  return createHash('sha256').update(JSON.stringify(texts)).digest('base64url');
}
