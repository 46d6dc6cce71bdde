/*
 * A process that owns a journal and does what its parent says. Started by `fork`; messages are `OwnerCommand`s, each
 * answered by an `OwnerAnswer`.
 */
import { systemClock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { silentLogger } from '../../../foundation/logger.ts';
import { nodeDisk } from '../../../foundation/node-disk.ts';
import { systemRandom } from '../../../foundation/random.ts';
import { boundaryOf, fragmentOf, readTexts, sourceStart, testSource } from '../../testing/journal-writes.ts';
import type { JournalWriter } from '../journal-writer.ts';
import { openJournal, type OpenedJournal } from '../open-journal.ts';
import { testSegmentByteCount } from './embedded-engine.ts';

/** What an owner process is told. */
export type OwnerCommand =
  | { readonly kind: 'open'; readonly directory: string }
  | { readonly kind: 'append'; readonly number: number }
  | { readonly kind: 'read' }
  | { readonly kind: 'close' };

/** What it answers. */
export type OwnerAnswer =
  | { readonly kind: 'done'; readonly texts: readonly string[] }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

let journal: OpenedJournal | undefined;
let writer: JournalWriter | undefined;

async function obey(command: OwnerCommand): Promise<readonly string[]> {
  switch (command.kind) {
    case 'open': {
      const parts = { disk: nodeDisk, clock: systemClock, random: systemRandom, logger: silentLogger };
      journal = await openJournal({ directory: command.directory, segmentByteCount: testSegmentByteCount, ...parts });
      writer = await journal.openWriter();
      if (writer.state.source === undefined) writer.recordSource(testSource, sourceStart, 'initial');
      return [];
    }
    case 'append':
      writer?.appendTransaction(boundaryOf(command.number), fragmentOf(`t${command.number};`), []);
      await writer?.flush();
      return [];
    case 'read':
      return journal === undefined ? [] : await readTexts(journal.reader);
    case 'close':
      await writer?.close();
      await journal?.[Symbol.asyncDispose]();
      return [];
    default:
      return [];
  }
}

process.on('message', (command: OwnerCommand) => {
  obey(command).then(
    (texts) =>
      process.send?.({ kind: 'done', texts }, () => {
        if (command.kind === 'close') process.disconnect();
      }),
    (thrown: unknown) => {
      const { code, message } = HeadwaterError.from(thrown);
      process.send?.({ kind: 'refused', code, message });
    },
  );
});
