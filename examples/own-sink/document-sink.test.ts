import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killChild, parseSuiteRecord, type SinkHarness, type StoredRecord, testSink } from '../../src/testing.ts';
import { type ChildOptions, standing } from './document-sink.child.ts';
import { documentSink } from './document-sink.ts';

testSink({ name: 'documents', effects: 'once', open: openHarness });

/** An empty directory for each test. There is no server: what needs one is skipped. */
async function openHarness(): Promise<SinkHarness> {
  const directory = await mkdtemp(join(tmpdir(), 'documents-'));
  const missing = join(directory, 'missing');
  let stored = directory;
  const places: ChildOptions['at'][] = ['document', 'checkpoint'];
  return {
    sink: documentSink({ directory }),
    stored: () => readEvents(stored),
    async deliverUntilKilled() {
      const argument: ChildOptions = { directory, at: places.shift() ?? 'checkpoint' };
      const module = new URL('./document-sink.child.ts', import.meta.url);
      await killChild(module, JSON.stringify(argument), (printed) => printed(standing));
    },
    withMissingPlace: {
      sink: documentSink({ directory: missing }),
      code: 'HW-SINK-006',
      async create() {
        await mkdir(missing);
        stored = missing;
      },
    },
    oversized: { size: 2_000_000, code: 'HW-SINK-005' },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

async function readEvents(directory: string): Promise<readonly StoredRecord[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  const documents = texts.map((text) => JSON.parse(text) as { events: { payload: unknown }[] });
  return documents.flatMap(({ events }) => events.map(({ payload }) => parseSuiteRecord(JSON.stringify(payload))));
}
