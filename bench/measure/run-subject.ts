import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

import { compiledPath } from './compiled-programs.ts';
import { ProcessTreeMeter, type TreeUsage } from './process-tree.ts';
import type { Run } from './summary.ts';

/** A program that does the work of one side. */
export interface Subject {
  readonly command: string;
  readonly args: readonly string[];
  /** Rows and seconds as the program itself printed them; false: the whole process is timed for the expected rows. */
  readonly printsResult: boolean;
}

/** What a run is held to, and how its walsender is found where it has one. */
export interface SubjectExpectation {
  readonly rows: number;
  readonly signal: AbortSignal;
  /** The server's process that serves the subject right now; undefined while there is none. */
  readonly walsenderPid?: () => Promise<number | undefined>;
}

/** What a program printed, and what it took. */
export interface ProgramRun extends TreeUsage {
  readonly output: string;
  readonly seconds: number;
}

interface Timing {
  readonly rows: number;
  readonly seconds: number;
}

const pollMs = 20;

/** A program `bench/<path>`, compiled, run by the same Node. Its last line of stdout is its result as JSON. */
export function program(path: string, args: readonly (string | number)[]): Subject {
  return { command: process.execPath, args: [compiledPath(path), ...args.map(String)], printsResult: true };
}

/** Runs the subject and measures it, its memory, and the walsender that serves it. */
export async function runSubject(subject: Subject, expectation: SubjectExpectation): Promise<Run> {
  const { rows, signal, walsenderPid } = expectation;
  const watch = new WalsenderWatch(walsenderPid);
  try {
    const { output, seconds: wholeSeconds, ...usage } = await runProgram(subject, signal);
    const result = subject.printsResult ? (parseResult(output) as Timing) : { rows, seconds: wholeSeconds };
    if (result.rows !== rows) throw new Error(`${result.rows} rows were read, not ${rows}`);
    const walsenderCpuSeconds = await watch.end();
    return {
      ...usage,
      rows: result.rows,
      seconds: result.seconds,
      ...(walsenderCpuSeconds === undefined ? {} : { walsenderCpuSeconds }),
    };
  } finally {
    await watch.end();
  }
}

/** Runs a program to its end and measures its process tree. An abort ends it. @throws when it fails */
export async function runProgram(subject: Subject, signal: AbortSignal): Promise<ProgramRun> {
  const startedAt = performance.now();
  const child = startProgram(subject, signal);
  const meter = new ProcessTreeMeter(child.pid ?? 0);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  try {
    await once(child, 'close');
    if (child.exitCode !== 0) {
      const end = child.exitCode ?? child.signalCode;
      throw new Error(`${subject.command} ${subject.args[0] ?? ''} ended with ${String(end)}: ${output}`);
    }
    return { output, seconds: (performance.now() - startedAt) / 1000, ...meter.end() };
  } finally {
    meter.end();
  }
}

/** Starts a program whose stdout is read and whose stderr is ours. An abort ends it. */
export function startProgram(subject: Subject, signal: AbortSignal): ChildProcess {
  signal.throwIfAborted();
  return spawn(subject.command, [...subject.args], { stdio: ['ignore', 'pipe', 'inherit'], signal });
}

/** The last line of a program's output. */
export function parseResult(output: string): unknown {
  return JSON.parse(output.trim().split('\n').at(-1) ?? '');
}

/** The walsender belongs to the server: it is found by its slot and watched by itself. */
class WalsenderWatch {
  readonly #following: Promise<void>;
  #meter: ProcessTreeMeter | undefined;
  #isEnded = false;
  #cpuSeconds: number | undefined;

  constructor(findPid: (() => Promise<number | undefined>) | undefined) {
    this.#following = findPid === undefined ? Promise.resolve() : this.#follow(findPid);
  }

  /** Its CPU time; undefined when there was none to watch. Idempotent. */
  async end(): Promise<number | undefined> {
    this.#isEnded = true;
    await this.#following;
    this.#cpuSeconds ??= this.#meter?.end().cpuSeconds;
    return this.#cpuSeconds;
  }

  async #follow(findPid: () => Promise<number | undefined>): Promise<void> {
    while (!this.#isEnded && this.#meter === undefined) {
      const pid = await findPid();
      if (pid === undefined) await setTimeout(pollMs);
      else this.#meter = new ProcessTreeMeter(pid, [], { countsFromBirth: true });
    }
  }
}
