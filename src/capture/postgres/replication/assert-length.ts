import { HeadwaterError } from '../../../foundation/error.ts';

/** @throws HW-CAPTURE-002 for a message of another length than the protocol says */
export function assertLength(actual: number, expected: number, name: string): void {
  if (actual === expected) return;
  throw new HeadwaterError('HW-CAPTURE-002', `a ${name} message has ${actual} bytes instead of ${expected}`);
}
