import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { systemClock } from '../foundation/clock.ts';
import { openJournalReader } from '../journal/embedded/open-journal-reader.ts';
import { createEventDecoder } from '../journal/embedded/testing/event-bodies.ts';
import {
  type EventJournal,
  idOf,
  keyOf,
  openEventJournal,
  transactionCount,
} from '../journal/embedded/testing/event-journal.ts';
import type { EventTerm } from '../journal/journal-search.ts';
import { type JournalStart, readRecords } from './journal-access.ts';

/** What fits the term, and how many records were read to find it. */
async function look(
  stage: EventJournal,
  term: EventTerm,
  options: { readonly start?: JournalStart; readonly isNarrowed: boolean },
): Promise<{ readonly found: readonly string[]; readonly readCount: number }> {
  await using reader = await openJournalReader({ directory: '/journal', disk: stage.disk, clock: systemClock });
  const found: string[] = [];
  let readCount = 0;
  const { start = 'beginning', isNarrowed } = options;
  const records = readRecords(reader, createEventDecoder(), {
    start,
    follow: false,
    term: isNarrowed ? term : undefined,
  });
  for await (const outbound of records) {
    readCount += 1;
    if (outbound[term.field] === term.value) found.push(`${outbound.header.sequence} ${outbound.id} ${outbound.key}`);
  }
  return { found, readCount };
}

describe('the records of a journal', () => {
  for (const isIndexed of [true, false]) {
    it(`are the same for one id or key as by a full reading, ${isIndexed ? 'with' : 'without'} indexes`, async () => {
      await using stage = await openEventJournal();
      if (isIndexed) await stage.journal.search.refresh();
      const terms: readonly EventTerm[] = [
        ...[1, 3, 77, 300, transactionCount].map((number) => ({ field: 'id', value: idOf(number) }) as const),
        { field: 'id', value: idOf(transactionCount + 1) },
        ...[3, 4].map((number) => ({ field: 'key', value: keyOf(number) }) as const),
        { field: 'key', value: 'nobody' },
      ];
      for (const term of terms) {
        const narrowed = await look(stage, term, { isNarrowed: true });
        const full = await look(stage, term, { isNarrowed: false });
        assert.deepEqual(narrowed.found, full.found, `${term.field} ${term.value}`);
        if (isIndexed && term.field === 'id') assert.ok(narrowed.readCount < full.readCount / 2, 'most is left out');
      }
    });
  }
});
