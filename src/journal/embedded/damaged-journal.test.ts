import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { before, describe, it } from 'node:test';
import { crc32 } from 'node:zlib';

import fc from 'fast-check';

import { HeadwaterError } from '../../foundation/error.ts';
import { createSeededRandom } from '../../foundation/random.ts';
import { MeanDisk } from '../../foundation/testing/mean-disk.ts';
import { readTexts } from '../testing/journal-writes.ts';
import { decodeFileHeader, encodeFileHeader, fileHeaderLength } from './file-header.ts';
import { encodeFrame, type FrameFields } from './frame-encoding.ts';
import { frameHeaderLength, frameKind, frameSeed } from './frame.ts';
import { openEmbeddedEngine } from './testing/embedded-engine.ts';
import { type SampleJournal, writeSampleJournal } from './testing/sample-journal.ts';
import { verifyJournal } from './verify-journal.ts';

/** Nobody reads it before its decision: only verification finds it changed. */
const undecidedSpool = '-1-4.spool';
const markLength = frameHeaderLength + 9;
const refusals = new Set(['HW-JOURNAL-005', 'HW-JOURNAL-006', 'HW-JOURNAL-012', 'HW-JOURNAL-017']);

/** Files with what they hold. */
type Contents = ReadonlyMap<string, Buffer>;

let sample: SampleJournal;
let intact: Contents;
let lastSegment: string;

before(async () => {
  sample = await writeSampleJournal();
  intact = new Map(
    sample.disk.paths.filter((path) => /segment$|spool$/.test(path)).map((path) => [path, sample.disk.content(path)]),
  );
  lastSegment =
    [...intact.keys()]
      .filter((path) => path.endsWith('.segment'))
      .toSorted()
      .at(-1) ?? '';
});

describe('a journal whose durable bytes have changed', () => {
  it('is made of several segments and spools, so that the tests below reach every kind of byte', () => {
    assert.ok([...intact.keys()].filter((path) => path.endsWith('.segment')).length >= 3);
    assert.equal([...intact.keys()].filter((path) => path.endsWith('.spool')).length, 3);
  });

  it('is refused with file and offset for a flip of any byte', async () => {
    const places = [...intact].flatMap(([path, content]) => Array.from(content.keys(), (offset) => ({ path, offset })));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), fc.integer({ min: 1, max: 255 }), async ({ path, offset }, mask) => {
        const changed = Buffer.from(intact.get(path) ?? Buffer.alloc(0));
        changed[offset] = (changed[offset] ?? 0) ^ mask;
        const outcome = await openAndRead(new Map([...intact, [path, changed]]));
        const isClosingMark = path === lastSegment && offset >= changed.length - markLength;
        if (isClosingMark) assert.deepEqual(outcome.kind === 'read' && outcome.texts, sample.texts);
        else if (path.endsWith(undecidedSpool) && outcome.kind === 'read') assertProblem(outcome.problem, path, offset);
        else assertRefused(outcome, path, offset);
      }),
      { numRuns: 800 },
    );
  });

  it('is refused for every flip in a header, a carry frame and a commit record', async () => {
    const content = intact.get(lastSegment) ?? Buffer.alloc(0);
    for (let offset = 0; offset < 400; offset += 1) {
      const changed = Buffer.from(content);
      changed[offset] = (changed[offset] ?? 0) ^ 0x10;
      assertRefused(await openAndRead(new Map([...intact, [lastSegment, changed]])), lastSegment, offset);
    }
  });

  it('is never half visible, however short its last segment is cut', async () => {
    const content = intact.get(lastSegment) ?? Buffer.alloc(0);
    for (let length = 0; length < content.length; length += 1) {
      const outcome = await openAndRead(new Map([...intact, [lastSegment, content.subarray(0, length)]]));
      if (outcome.kind === 'refused') assertRefused(outcome, lastSegment, length);
      else assert.deepEqual(outcome.texts, sample.texts.slice(0, outcome.texts.length));
    }
  });

  it('is refused when an older segment or a spool is cut anywhere', async () => {
    for (const [path, content] of intact) {
      if (path === lastSegment) continue;
      for (let length = 0; length < content.length; length += 7) {
        assertRefused(await openAndRead(new Map([...intact, [path, content.subarray(0, length)]])), path, length);
      }
    }
  });

  it('is refused when a frame stands at another place', async () => {
    const content = intact.get(lastSegment) ?? Buffer.alloc(0);
    const [first, second] = framesOf(content).slice(-4);
    assert.ok(first !== undefined && second !== undefined);
    const swapped = Buffer.concat([
      content.subarray(0, first.offset),
      content.subarray(second.offset, second.end),
      content.subarray(first.offset, first.end),
      content.subarray(second.end),
    ]);
    assertRefused(await openAndRead(new Map([...intact, [lastSegment, swapped]])), lastSegment, first.offset);
  });

  it('is refused when a file is missing, or stands under the name of another', async () => {
    const [one, two, three] = [...intact.keys()].filter((path) => path.endsWith('.segment')).toSorted();
    const without = new Map([...intact].filter(([path]) => path !== two));
    assertRefused(await openAndRead(without), two ?? '', undefined);
    const renamed = new Map([...without, [two ?? '', intact.get(one ?? '') ?? Buffer.alloc(0)]]);
    assertRefused(await openAndRead(renamed), two ?? '', undefined);
    for (const path of [...intact.keys()].filter((name) => name.endsWith('.spool'))) {
      assertRefused(await openAndRead(new Map([...intact].filter(([name]) => name !== path))), path, undefined);
    }
    assert.ok(three !== undefined);
  });
});

describe('a journal of a newer release', () => {
  it('is refused by its version and its header flags, and nothing is changed', async () => {
    for (const [offset, value] of [
      [8, 2],
      [10, 1],
    ] as const) {
      const content = Buffer.from(intact.get(lastSegment) ?? Buffer.alloc(0));
      content.writeUInt16LE(value, offset);
      content.writeUInt32LE(crc32(content.subarray(0, 92)), 92);
      const outcome = await openAndRead(new Map([...intact, [lastSegment, content]]));
      assert.equal(outcome.kind === 'refused' && outcome.error.code, 'HW-JOURNAL-006');
      assert.ok(outcome.disk.content(lastSegment).equals(content));
    }
  });

  it('is refused by an unknown frame kind, flag or encoding, and nothing is changed', async () => {
    const content = intact.get(lastSegment) ?? Buffer.alloc(0);
    const headerCrc = content.readUInt32LE(92);
    const known: FrameFields = { kind: frameKind.progress, encoding: 0, xid: 0, durableEnd: 0, body: Buffer.alloc(8) };
    for (const [at, value] of [
      [8, 14],
      [8, 0],
      [9, 1],
      [9, 2],
      [10, 3],
    ] as const) {
      const bytes = Buffer.from(encodeFrame(headerCrc, content.length, known).bytes);
      bytes[at] = value;
      bytes.writeUInt32LE(crc32(bytes.subarray(4), frameSeed(headerCrc, content.length)), 0);
      const longer = Buffer.concat([content, bytes]);
      const outcome = await openAndRead(new Map([...intact, [lastSegment, longer]]));
      assert.equal(outcome.kind === 'refused' && outcome.error.code, 'HW-JOURNAL-006', `byte ${at} is ${value}`);
      assert.ok(outcome.disk.content(lastSegment).equals(longer));
    }
  });

  it('is refused when an intact frame breaks the grammar', async () => {
    const content = intact.get(lastSegment) ?? Buffer.alloc(0);
    const headerCrc = content.readUInt32LE(92);
    const kinds = [
      frameKind.commit,
      frameKind.spooledCommit,
      frameKind.schema,
      frameKind.source,
      frameKind.carry,
      frameKind.prepare,
    ];
    for (const kind of [...kinds, frameKind.preparedCommit, frameKind.preparedRollback, frameKind.progress]) {
      const { bytes } = encodeFrame(headerCrc, content.length, {
        kind,
        encoding: 0,
        xid: 0,
        durableEnd: 0,
        body: Buffer.alloc(70),
      });
      const outcome = await openAndRead(new Map([...intact, [lastSegment, Buffer.concat([content, bytes])]]));
      assertRefused(outcome, lastSegment, content.length);
    }
  });

  it('is not mixed with another journal', async () => {
    const expected = { path: lastSegment, kind: 'segment', journalId: undefined, number: undefined } as const;
    const header = {
      ...decodeFileHeader(intact.get(lastSegment) ?? Buffer.alloc(0), expected),
      journalId: '00000000-0000-7000-8000-000000000000',
    };
    const content = Buffer.concat([
      encodeFileHeader(header).bytes,
      (intact.get(lastSegment) ?? Buffer.alloc(0)).subarray(fileHeaderLength),
    ]);
    const outcome = await openAndRead(new Map([...intact, [lastSegment, content]]));
    assert.equal(outcome.kind === 'refused' && outcome.error.code, 'HW-JOURNAL-012');
  });
});

type Outcome = (
  | { readonly kind: 'read'; readonly texts: readonly string[] }
  | { readonly kind: 'refused'; readonly error: HeadwaterError }
) & { readonly problem: HeadwaterError | undefined; readonly disk: MeanDisk };

/** Opens the journal as an owner would and reads all of it. */
async function openAndRead(contents: Contents): Promise<Outcome> {
  const disk = new MeanDisk({ random: createSeededRandom(1) });
  for (const [path, content] of contents) disk.plant(path, content);
  const { problem } = await verifyJournal('/journal', { disk });
  const ground = {
    directory: '/journal',
    disk,
    openState: () => sample.state.open(),
    afterKill: () => Promise.reject(new Error()),
  };
  try {
    await using engine = asDisposable(await openEmbeddedEngine(ground));
    const texts = await readTexts(engine.reader);
    return { kind: 'read', texts, problem, disk };
  } catch (error) {
    assert.ok(error instanceof HeadwaterError, String(error));
    return { kind: 'refused', error, problem, disk };
  } finally {
    sample.state.free();
  }
}

function asDisposable(
  engine: Awaited<ReturnType<typeof openEmbeddedEngine>>,
): AsyncDisposable & { reader: typeof engine.reader } {
  return { reader: engine.reader, [Symbol.asyncDispose]: () => engine.close() };
}

function assertRefused(outcome: Outcome, path: string, offset: number | undefined): void {
  assert.equal(outcome.kind, 'refused', `${basename(path)} at ${offset} was taken`);
  for (const error of [outcome.error, outcome.problem]) assertProblem(error, path, offset);
}

function assertProblem(error: HeadwaterError | undefined, path: string, offset: number | undefined): void {
  assert.ok(error !== undefined && refusals.has(error.code), `${basename(path)} at ${offset}: ${String(error)}`);
  assert.equal(error.details['file'], path);
  if (offset === undefined || error.code === 'HW-JOURNAL-017') return;
  const told = error.details['offset'];
  assert.ok(typeof told === 'number' && told <= offset, `the first bad byte is ${offset}, told was ${told}`);
}

function framesOf(content: Buffer): readonly { readonly offset: number; readonly end: number }[] {
  const frames: { offset: number; end: number }[] = [];
  for (let offset = fileHeaderLength; offset < content.length;) {
    const end = offset + frameHeaderLength + content.readUInt32LE(offset + 4);
    frames.push({ offset, end });
    offset = end;
  }
  return frames;
}
