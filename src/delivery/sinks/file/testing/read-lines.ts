import { gunzipSync } from 'node:zlib';

/** The lines of a file as a reader takes them: parsed, without the positions. */
export function readLines(fileName: string, content: Uint8Array): readonly Readonly<Record<string, unknown>>[] {
  const isCompressed = /\.ndjson\.gz(?:\.open)?$/.test(fileName);
  const text = (isCompressed ? gunzipSync(content) : Buffer.from(content)).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ op }) => op !== 'checkpoint');
}
