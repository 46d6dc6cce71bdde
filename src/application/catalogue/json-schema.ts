import { HeadwaterError } from '../../foundation/error.ts';
import { isJsonType } from '../emit/content-type.ts';
import type { EventDefinition, JsonSchema } from '../emit/events.ts';

/** The draft that schemas are written in. */
export const jsonSchemaDraft = 'https://json-schema.org/draft/2020-12/schema';

/**
 * The JSON Schema of an event's written form: the one that it was given, or what its library makes of the schema by Standard
 * JSON Schema (https://standardschema.dev/json-schema). Undefined where the payload is not JSON.
 * @throws HW-EVENTS-006
 */
export function toJsonSchema(definition: EventDefinition): JsonSchema | undefined {
  const { contentType, jsonSchema, storedSchema, type } = definition;
  if (jsonSchema !== undefined) return jsonSchema;
  if (!isJsonType(contentType)) return undefined;
  const { vendor } = storedSchema['~standard'];
  const output = readConverter(storedSchema['~standard']);
  if (output === undefined) {
    throw new HeadwaterError('HW-EVENTS-006', `the schema of "${type}" (${vendor}) gives no JSON Schema`, {
      details: { event: type, vendor },
    });
  }
  try {
    const { $schema: _, ...schema } = output({ target: 'draft-2020-12' });
    return schema;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HeadwaterError('HW-EVENTS-006', `the schema of "${type}" (${vendor}) gives no JSON Schema: ${reason}`, {
      details: { event: type, vendor },
      cause,
    });
  }
}

type Converter = (options: { readonly target: string }) => JsonSchema;

function readConverter(standard: object): Converter | undefined {
  const jsonSchema: unknown = Reflect.get(standard, 'jsonSchema');
  if (typeof jsonSchema !== 'object' || jsonSchema === null) return undefined;
  const output: unknown = Reflect.get(jsonSchema, 'output');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the specification's signature.
  return typeof output === 'function' ? (output as Converter) : undefined;
}
