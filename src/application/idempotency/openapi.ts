import { keyLengthMax } from './key-header.ts';
import { mayRepeat, type OperationSafety } from './operation.ts';

/** What goes into an operation of an OpenAPI 3.1 document. */
export interface OpenApiFragment {
  readonly parameters: readonly object[];
  readonly responses: Readonly<Record<string, object>>;
  readonly 'x-idempotency': OperationSafety;
  readonly 'x-may-repeat': ReturnType<typeof mayRepeat>;
}

/**
 * The part of an operation's description that is the same for each: the header of a keyed one, its refusals, and whether a client
 * may send it again. Spread it into the operation; the answers of your own go beside its `responses`.
 */
export function openApiFragment(safety: OperationSafety): OpenApiFragment {
  const marks = { 'x-idempotency': safety, 'x-may-repeat': mayRepeat(safety) } as const;
  if (safety !== 'keyed') return { parameters: [], responses: {}, ...marks };
  const refusal = (description: string, headers: object = {}): object => ({
    description,
    headers,
    content: { 'application/problem+json': { schema: problemSchema } },
  });
  const later = {
    'Retry-After': { description: 'Seconds until the next attempt.', schema: { type: 'integer', minimum: 1 } },
  };
  return {
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header',
        required: true,
        description: `A String of RFC 9651: 1 to ${keyLengthMax} characters in double quotes, made once for each wish.`,
        schema: { type: 'string', minLength: 1, maxLength: keyLengthMax * 2 + 2 },
        example: '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
      },
    ],
    responses: {
      400: refusal('The key is missing or not valid.'),
      409: refusal('A request with this key is being worked on.', later),
      413: refusal('The body is larger than allowed.'),
      422: refusal('The key was used for a request with another content.'),
      500: refusal('The operation failed before its end; nothing is kept, and the same key may be sent again.', later),
      503: refusal('The outcome is not known yet; the same key may be sent again.', later),
    },
    ...marks,
  };
}

const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', pattern: '^HW-IDEMPOTENCY-[0-9]{3}$' },
    fix: { type: 'string' },
  },
} as const;
