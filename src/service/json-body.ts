import { HeadwaterError } from '../foundation/error.ts';

/** A body is no longer than this. */
const bodyByteCountMax = 16_384;

/** Reads the body of a request as a JSON object. @throws HW-SERVICE-004 for a longer one, or anything else */
export async function readJsonObject(body: AsyncIterable<Uint8Array>): Promise<Readonly<Record<string, unknown>>> {
  return parseBody(await readBody(body));
}

async function readBody(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const bytes of body) {
    byteCount += bytes.length;
    if (byteCount > bodyByteCountMax) throw refuse(`the body has more than ${bodyByteCountMax} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Falls through.
  }
  throw refuse('the body is no JSON object');
}

function refuse(reason: string): HeadwaterError {
  return new HeadwaterError('HW-SERVICE-004', `the request cannot be read: ${reason}`);
}
