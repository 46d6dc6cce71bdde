import { HeadwaterError } from './error.ts';

/** Stops the component when a rule that must always hold does not. @throws HW-INTERNAL-002 */
export function assertInvariant(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new HeadwaterError('HW-INTERNAL-002', `invariant broken: ${rule}`);
}

/** Ends a switch over a closed union: the compiler shows a forgotten case, and a value from outside the type stops. */
export function unreachable(value: never): never {
  throw new HeadwaterError('HW-INTERNAL-002', `a value outside its closed list: ${String(value)}`);
}
