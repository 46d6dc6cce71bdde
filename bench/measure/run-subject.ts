import { spawn } from 'node:child_process';
import { once } from 'node:events';

import type { SlotWorkload } from '../workload/slot-workload.ts';
import { ProcessTreeMeter } from './process-tree.ts';
import type { Run } from './summary.ts';

/** A program that reads a slot to its end. */
export interface Subject {
  readonly command: string;
  readonly args: readonly string[];
  /** Rows and seconds as the program itself printed them; undefined: the whole process is timed for the workload's rows. */
  readonly printsResult: boolean;
}

const pollMs = 20;

/** Runs the subject on a slot of its own and measures it, its memory, and the walsender that serves it. */
export async function runSubject(workload: SlotWorkload, slot: string, subject: Subject): Promise<Run> {
  const startedAt = performance.now();
  const child = spawn(subject.command, [...subject.args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const meter = new ProcessTreeMeter(child.pid ?? 0);
  const walsender = followWalsender(workload, slot);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  const wholeSeconds = (performance.now() - startedAt) / 1000;
  const usage = meter.end();
  const walsenderCpuSeconds = await walsender.end();
  if (code !== 0)
    throw new Error(`${subject.command} ${subject.args.join(' ')} ended with code ${String(code)}: ${output}`);
  const result = subject.printsResult ? parseResult(output) : { rows: workload.rows, seconds: wholeSeconds };
  if (result.rows !== workload.rows) throw new Error(`${result.rows} rows were read, not ${workload.rows}`);
  return { ...usage, ...result, walsenderCpuSeconds };
}

function parseResult(output: string): { rows: number; seconds: number } {
  const last = output.trim().split('\n').at(-1) ?? '';
  return JSON.parse(last) as { rows: number; seconds: number };
}

interface WalsenderWatch {
  end(): Promise<number>;
}

/** The walsender belongs to the server: it is found by its slot and watched by itself. */
function followWalsender(workload: SlotWorkload, slot: string): WalsenderWatch {
  let meter: ProcessTreeMeter | undefined;
  let isEnded = false;
  const follow = async (): Promise<void> => {
    while (!isEnded && meter === undefined) {
      const pid = await workload.walsenderPid(slot);
      if (pid !== undefined) meter = new ProcessTreeMeter(pid, [], { countsFromBirth: true });
      else await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  };
  const following = follow();
  return {
    async end() {
      isEnded = true;
      await following;
      return meter?.end().cpuSeconds ?? 0;
    },
  };
}
