import { createInterface } from 'node:readline';

import { HeadwaterError } from '../../foundation/error.ts';

/*
 * What every program of the demo does besides its work. It reads its settings from the first line of standard input, says
 * with one line on standard output that it is ready, takes orders from further lines, and ends when standard input does:
 * the orchestrator holds the other end, so nothing outlives it, not even its SIGKILL.
 */

/** The settings of a program: flat and textual. */
export type ProgramSettings = Readonly<Record<string, string>>;

/** A program of the demo once it works. */
export interface RunningProgram {
  /** Takes a further line of standard input. */
  obey?(line: string): Promise<void>;
  /** Ends in order: nothing that was begun is left. */
  stop(): Promise<void>;
}

/** Runs a program until SIGTERM or the end of standard input. SIGINT is left to the orchestrator, who decides about the end. */
export function runChildProgram(start: (settings: ProgramSettings) => Promise<RunningProgram>): void {
  let running: Promise<RunningProgram> | undefined;
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => void end(running));
  const lines = createInterface({ input: process.stdin });
  lines.on('close', () => process.exit(0));
  lines.on('line', (line) => {
    if (running === undefined) {
      running = start(parseSettings(line));
      running.then(() => process.stdout.write('ready\n')).catch(fail);
    } else {
      running.then((program) => program.obey?.(line)).catch(fail);
    }
  });
}

/** The setting of that name. @throws HW-DEMO-006 when there is none */
export function requireSetting(settings: ProgramSettings, name: string): string {
  const value = settings[name];
  if (value === undefined) throw new HeadwaterError('HW-DEMO-006', `the setting "${name}" is missing`);
  return value;
}

function parseSettings(line: string): ProgramSettings {
  const parsed: unknown = JSON.parse(line);
  const entries = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [];
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

async function end(running: Promise<RunningProgram> | undefined): Promise<void> {
  try {
    await (await running)?.stop();
    process.exit(0);
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
