import { z } from 'zod';

import type { SecretSource } from './config-types.ts';

/** What an option is for, and why its default is what it is. The reference page shows both. */
export function about(description: string, reason: string): { description: string; reason: string } {
  return { description, reason };
}

/** A secret by value, by file or by callback. */
export const secretSchema: z.ZodType<SecretSource> = z.custom<SecretSource>(
  (value) =>
    (typeof value === 'string' && value.length > 0) ||
    typeof value === 'function' ||
    (typeof value === 'object' && value !== null && 'file' in value && typeof value.file === 'string'),
  'expected a non-empty text, { file: "path" } or a function that returns the secret',
);

/** A name that PostgreSQL takes for a slot. */
export const identifierSchema: z.ZodString = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z_][a-z0-9_]*$/, 'expected lower-case letters, digits and underscores, as PostgreSQL wants slot names');

/** `table` or `schema.table`. */
export const qualifiedTableSchema: z.ZodString = z
  .string()
  .regex(/^[^.]+(\.[^.]+)?$/, 'expected "table" or "schema.table"');
