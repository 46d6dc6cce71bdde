/**
 * A schema of any library that follows Standard Schema version 1 (zod, valibot, arktype, …), or one written by hand. The
 * interface is the specification's, restated here so that a user's compiler needs no further package.
 * https://standardschema.dev/schema
 */
export interface EventSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a validation gives: the value, perhaps changed by the schema, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong. Its message may quote the value, so it never goes into an error. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What the writer passes: the schema's input. */
export type SchemaInput<Schema extends EventSchema> = NonNullable<Schema['~standard']['types']>['input'];

/** What is written, and what readers get: the schema's output. */
export type SchemaOutput<Schema extends EventSchema> = NonNullable<Schema['~standard']['types']>['output'];

/** Whether a value is a schema. Some libraries make functions of them. */
export function isEventSchema(value: unknown): value is EventSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = Reflect.get(value, '~standard');
  if (typeof standard !== 'object' || standard === null) return false;
  return Reflect.get(standard, 'version') === 1 && typeof Reflect.get(standard, 'validate') === 'function';
}

/** The path of an issue as text, `lines.0.sku`; `(whole)` for the value itself. */
export function formatIssuePath(issue: SchemaIssue): string {
  const keys = (issue.path ?? []).map((segment) => (typeof segment === 'object' ? segment.key : segment));
  return keys.length === 0 ? '(whole)' : keys.map(String).join('.');
}
