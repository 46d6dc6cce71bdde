import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { TransactionDecoder } from '../../capture/transaction-decoder.ts';
import { toSequence } from '../../model/position.ts';
import { meanGround, openEmbeddedEngine } from './testing/embedded-engine.ts';
import { writeSampleJournal } from './testing/sample-journal.ts';
import { exportJournal, type ExportOptions } from './export-journal.ts';

describe('the export of a journal', () => {
  it('holds every transaction with its place, schemas at theirs, and the bytes in base64', async () => {
    const lines = await exportSample({});
    const [first, second, third] = lines;
    assert.deepEqual(first, {
      kind: 'transaction',
      sequence: '1',
      xid: 701,
      commitLsn: '0/44C',
      commitEndLsn: '0/47E',
      commitTimeMicros: '1767225601000000',
      systemId: '7412345678901234567',
      timeline: 1,
      messageCount: 1,
    });
    assert.deepEqual(second, { kind: 'body', sequence: '1', encoding: 'pgoutput-copy/1', body: toBase64('first;') });
    assert.deepEqual(third, { kind: 'schema', relationId: 16_400, message: toBase64('orders') });
    assert.equal(lines.filter(({ kind }) => kind === 'transaction').length, 40);
  });

  it('begins behind a position, and gives records when it has a decoder', async () => {
    const learned: string[] = [];
    const decoder: TransactionDecoder = {
      learnSchema: (message) => void learned.push(Buffer.from(message).toString()),
      decodeBody: (_encoding, body, firstOrdinal) => {
        const { length } = body;
        const event = {
          ordinal: firstOrdinal,
          kind: 'truncate',
          tables: [],
          cascade: length > 0,
          restartIdentity: false,
        } as const;
        return { records: [event], counts: { foreignMessages: 0, adoptedOutboxChanges: 0, outboxChanges: 0 } };
      },
      cutBody: (_encoding, body) => body.length,
    };
    const lines = await exportSample({ after: toSequence(1n), decoder });
    assert.deepEqual(learned.slice(0, 2), ['orders', 'customers']);
    const records = lines.filter(({ kind, sequence }) => kind === 'record' && sequence === '2');
    assert.deepEqual(
      records.map(({ record }) => (record as { ordinal: number }).ordinal),
      [0, 1],
    );
    assert.equal(lines.filter(({ kind }) => kind === 'body').length, 0);
  });
});

async function exportSample(options: ExportOptions): Promise<readonly Record<string, unknown>[]> {
  const { disk, state } = await writeSampleJournal();
  const engine = await openEmbeddedEngine(meanGround(1, disk, state));
  const lines: Record<string, unknown>[] = [];
  for await (const line of exportJournal(engine.reader, options)) lines.push(JSON.parse(line));
  await engine.close();
  return lines;
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}
