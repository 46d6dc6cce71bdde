/* A thread that writes to a journal that another thread owns. Appends one transaction for each message and answers. */
import { parentPort, workerData } from 'node:worker_threads';

import { systemClock } from '../../../foundation/clock.ts';
import { nodeDisk } from '../../../foundation/node-disk.ts';
import { boundaryOf, fragmentOf, sourceStart, testSource } from '../../testing/journal-writes.ts';
import { type JournalWriterInput, openJournalWriter } from '../open-journal-writer.ts';

const input = workerData as JournalWriterInput;
const writer = await openJournalWriter({ input, disk: nodeDisk, clock: systemClock });
writer.recordSource(testSource, sourceStart, 'initial');

parentPort?.on('message', (number: number) => {
  void (async () => {
    if (number === 0) {
      await writer.close();
      parentPort?.close();
      return;
    }
    writer.appendTransaction(boundaryOf(number), fragmentOf(`t${number};`), []);
    await writer.flush();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    parentPort?.postMessage(number);
  })();
});
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(0);
