import type { BodyFragment } from '../../change-recorder.ts';
import type { CopiedRows } from './snapshot-session.ts';

/** Bytes of a fragment: what a reader decodes at once. */
const fragmentByteCount = 262_144;

/** Cuts the rows into fragments at the ends of rows. */
export function toFragments(
  { slices }: Pick<CopiedRows, 'slices'>,
  encode: (slices: readonly Uint8Array[], messageCount: number, index: number) => BodyFragment,
): BodyFragment[] {
  const fragments: BodyFragment[] = [];
  let gathered: Uint8Array[] = [];
  let byteCount = 0;
  let messageCount = 0;
  const end = (): void => {
    if (gathered.length > 0) fragments.push(encode(gathered, messageCount, fragments.length));
    gathered = [];
    byteCount = 0;
    messageCount = 0;
  };
  for (const slice of slices) {
    const view = new DataView(slice.buffer, slice.byteOffset, slice.length);
    let start = 0;
    for (let at = 0; at < slice.length;) {
      at += 1 + view.getUint32(at + 1);
      messageCount += 1;
      if (byteCount + at - start < fragmentByteCount && at < slice.length) continue;
      gathered.push(slice.subarray(start, at));
      byteCount += at - start;
      start = at;
      if (byteCount >= fragmentByteCount) end();
    }
  }
  end();
  return fragments;
}
