import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { runSubject, type Subject } from '../measure/run-subject.ts';
import type { Run } from '../measure/summary.ts';
import type { SlotWorkload } from './slot-workload.ts';

/** Makes the subject for a slot and a directory, both its own. */
export type SlotSubject = (slot: string, directory: string) => Subject;

/** Runs subjects one behind the other, each on a fresh copy of the workload's slot and in a directory of its own. */
export function createSlotRunner(
  workload: SlotWorkload,
  scratch: string,
  signal: AbortSignal,
): (subject: SlotSubject) => Promise<Run> {
  let number = 0;
  return async (subject) => {
    number += 1;
    const slot = `${workload.publication}_${number}`;
    const directory = join(scratch, slot);
    await workload.copySlot(slot);
    try {
      return await runSubject(subject(slot, directory), {
        rows: workload.rows,
        signal,
        walsenderPid: () => workload.walsenderPid(slot),
      });
    } finally {
      await workload.dropSlot(slot);
      await rm(directory, { recursive: true, force: true });
      await rm(`${directory}.out`, { force: true });
    }
  };
}
