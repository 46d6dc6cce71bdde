import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { judgeTestFile, type ProcessEnd, type TestEvent, type TestResult } from './test-events.ts';

export type TestFileRun = {
  readonly file: string;
  readonly results: readonly TestResult[];
  /** What its tests said about themselves. */
  readonly remarks: readonly string[];
  readonly durationMs: number;
  /** The end of what the process wrote, for a reader who looks into a failure. */
  readonly output: string;
};

export type TestFileOptions = {
  readonly root: string;
  /** Where the reporter's lines go; a path of this file's own. */
  readonly eventsPath: string;
  readonly testTimeoutMs: number;
  readonly namePattern: string | undefined;
  /** Aborting kills the process and everything that it started. */
  readonly signal: AbortSignal;
};

const OUTPUT_CHARACTERS_MAX = 20_000;
/** Above the limit of a single test, so that a slow test is reported by its name and only a leak ends here. */
const QUIET_ALLOWANCE_MS = 15_000;
const POLL_MS = 500;
const DRAIN_MS = 1_000;

/** Runs one test file in a process group of its own and returns its verdicts. Never rejects on a failing test. */
export async function runTestFile(file: string, options: TestFileOptions): Promise<TestFileRun> {
  const startedMs = performance.now();
  let output = '';
  const keep = (chunk: string): void => {
    output = (output + chunk).slice(-OUTPUT_CHARACTERS_MAX);
  };
  const end = await runProcess(file, options, keep);
  const isFiltered = options.namePattern !== undefined;
  const events = await readEvents(options.eventsPath);
  const results = judgeTestFile(events, end, isFiltered);
  const remarks = events.flatMap((event) => (event.kind === 'remark' ? [event.text] : []));
  return { file, results, remarks, durationMs: performance.now() - startedMs, output };
}

function runProcess(file: string, options: TestFileOptions, keep: (chunk: string) => void): Promise<ProcessEnd> {
  const child = spawn(process.execPath, [...planArguments(options), file], {
    cwd: options.root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);

  const quietLimitMs = options.testTimeoutMs + QUIET_ALLOWANCE_MS;
  let isStuck = false;
  const kill = (): void => killGroup(child.pid);
  const watch = watchQuiet(options.eventsPath, quietLimitMs, () => {
    isStuck = true;
    kill();
  });
  options.signal.addEventListener('abort', kill);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      options.signal.removeEventListener('abort', kill);
      kill();
      const end: ProcessEnd = signal === null ? { kind: 'exited', code: code ?? 1 } : { kind: 'killed', signal };
      const finish = (): void => resolve(isStuck ? { kind: 'stuck', quietMs: quietLimitMs } : end);
      // The pipes close after the last output, unless a process outside the group holds them open.
      const patience = setTimeout(finish, DRAIN_MS);
      child.on('close', () => {
        clearTimeout(patience);
        finish();
      });
    });
  });
}

function planArguments({ eventsPath, testTimeoutMs, namePattern }: TestFileOptions): string[] {
  return [
    `--test-timeout=${testTimeoutMs}`,
    `--test-reporter=${fileURLToPath(new URL('./test-event-reporter.ts', import.meta.url))}`,
    `--test-reporter-destination=${eventsPath}`,
    ...(namePattern === undefined ? [] : [`--test-name-pattern=${namePattern}`]),
  ];
}

/** Calls back once when the file has not grown for `limitMs`. */
function watchQuiet(path: string, limitMs: number, onQuiet: () => void): NodeJS.Timeout {
  let size = -1;
  let changedMs = performance.now();
  const timer = setInterval(() => {
    const now = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (now !== size) {
      size = now;
      changedMs = performance.now();
    } else if (performance.now() - changedMs > limitMs) {
      clearInterval(timer);
      onQuiet();
    }
  }, POLL_MS);
  return timer;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty: the test left nothing behind.
  }
}

/** The last line may be torn when the process was killed; it is left out. */
async function readEvents(path: string): Promise<TestEvent[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as TestEvent);
}
