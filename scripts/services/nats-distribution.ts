import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openCacheDirectory, withPreparationLock } from './cache.ts';
import { findProgram, isProgram } from './programs.ts';
import { withProgress } from './progress.ts';

const run = promisify(execFile);

/**
 * Where no `nats-server` is on the PATH, it is built from the sources of the NATS project, as a Go module. The hash stands for
 * the whole of it: the module's own `go.sum`, which the build obeys, pins everything that it needs. Wheels and npm packages
 * with a binary inside are quicker to get, but come from third parties and cannot be compared with anything.
 */
const MODULE = 'github.com/nats-io/nats-server/v2';
const VERSION = '2.15.2';
const MODULE_HASH = 'h1:yLsgt2kslgymvxvjFq1WGWck5hkat2YYfbXvQ145tzU=';
/** Older ones do not know `sync_interval: always`. */
const OLDEST_MAJOR = 2;
const OLDEST_MINOR = 10;
const ADVICE = `put nats-server ${OLDEST_MAJOR}.${OLDEST_MINOR} or newer, or Go, on the PATH, or set HEADWATER_TEST_NATS_SERVERS`;

type Preparation =
  | { readonly kind: 'ready'; readonly program: string }
  | { readonly kind: 'missing'; readonly reason: string };

let preparation: Promise<Preparation> | undefined;

/** Why NATS cannot be had here; undefined when it can. Gets the server, starts nothing. */
export async function explainMissingNats(): Promise<string | undefined> {
  const prepared = await prepareOnce();
  return prepared.kind === 'missing' ? prepared.reason : undefined;
}

/** Finds the server's program, building it once. Safe when several processes do it at once. */
export async function openNatsProgram(): Promise<string> {
  const prepared = await prepareOnce();
  if (prepared.kind === 'missing') throw new Error(prepared.reason);
  return prepared.program;
}

function prepareOnce(): Promise<Preparation> {
  preparation ??= prepare();
  return preparation;
}

async function prepare(): Promise<Preparation> {
  const installed = await findProgram('nats-server');
  if (installed !== undefined && (await isRecent(installed))) return { kind: 'ready', program: installed };
  const program = join(await openCacheDirectory(), `nats-server-${VERSION}`);
  if (await isProgram(program)) return { kind: 'ready', program };
  const go = await findProgram('go');
  if (go === undefined) {
    const found = installed === undefined ? 'no `nats-server`' : `${installed} is too old`;
    return { kind: 'missing', reason: `NATS: ${found} and no \`go\` on the PATH to build one; ${ADVICE}` };
  }
  try {
    await withProgress(`building nats-server ${VERSION} with Go`, build(go, program));
    return { kind: 'ready', program };
  } catch (error) {
    return { kind: 'missing', reason: `NATS: Go could not build it: ${explainGo(error)}; ${ADVICE}` };
  }
}

async function build(go: string, program: string): Promise<void> {
  await withPreparationLock(program, async () => {
    if (await isProgram(program)) return;
    const partial = await mkdtemp(`${program}.partial-`);
    try {
      const { stdout } = await run(go, ['mod', 'download', '-json', `${MODULE}@v${VERSION}`], { cwd: partial });
      const { Dir: directory, Sum: hash } = JSON.parse(stdout) as { readonly Dir?: string; readonly Sum?: string };
      if (hash !== MODULE_HASH || directory === undefined) {
        throw new Error(`the sources of nats-server ${VERSION} have the hash ${hash}, not ${MODULE_HASH}`);
      }
      const built = join(partial, 'nats-server');
      const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags=-s -w'];
      await run(go, ['build', ...flags, '-o', built, '.'], {
        cwd: directory,
        env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '' },
      });
      await rename(built, program);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });
}

async function isRecent(program: string): Promise<boolean> {
  const { stdout } = await run(program, ['--version']).catch(() => ({ stdout: '' }));
  const [, major, minor] = /v(\d+)\.(\d+)\./.exec(stdout) ?? [];
  return Number(major) > OLDEST_MAJOR || (Number(major) === OLDEST_MAJOR && Number(minor) >= OLDEST_MINOR);
}

/** The last line that Go wrote: the ones before are what it downloaded. */
function explainGo(error: unknown): string {
  const output = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return (output === '' ? String(error) : (output.split('\n').at(-1) ?? '')).slice(0, 500);
}
