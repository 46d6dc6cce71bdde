import { HeadwaterError } from '../foundation/error.ts';

declare const lsnBrand: unique symbol;
/** A location in PostgreSQL's write-ahead log: an unsigned 64-bit byte offset. Never an id of a record. */
export type Lsn = bigint & { readonly [lsnBrand]: true };

const lsnMax = 0xffff_ffff_ffff_ffffn;

/** Marks a number that comes from the wire or from our own files. */
export function toLsn(value: bigint): Lsn {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where the brand is given.
  return value as Lsn;
}

/** Before any WAL location. */
export const lsnZero: Lsn = toLsn(0n);

/** Reads PostgreSQL's text form, `16/B374D848`. @throws HW-SOURCE-001 for any other text. */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  const [, high, low] = match ?? [];
  if (high === undefined || low === undefined) {
    throw new HeadwaterError('HW-SOURCE-001', `not a WAL location: "${text.slice(0, 40)}"`);
  }
  return toLsn((BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`));
}

/** PostgreSQL's text form, upper-case and without leading zeros: `16/B374D848`. */
export function formatLsn(lsn: Lsn): string {
  const value = lsn & lsnMax;
  return `${(value >> 32n).toString(16).toUpperCase()}/${(value & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

/** The later of two locations. */
export function maxLsn(left: Lsn, right: Lsn): Lsn {
  return left > right ? left : right;
}
