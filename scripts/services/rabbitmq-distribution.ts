import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { openCacheDirectory, withPreparationLock } from './cache.ts';
import { findProgram, isProgram } from './programs.ts';
import { withProgress } from './progress.ts';

const run = promisify(execFile);

/**
 * RabbitMQ as the distribution packages it. Where it is not installed, its packages are downloaded and unpacked into the
 * cache, which needs no rights and changes nothing outside: apt is given folders of its own, and checks the signatures.
 */
const PACKAGES = [
  'rabbitmq-server',
  'erlang-base',
  'erlang-asn1',
  'erlang-crypto',
  'erlang-eldap',
  'erlang-ftp',
  'erlang-inets',
  'erlang-mnesia',
  'erlang-os-mon',
  'erlang-parsetools',
  'erlang-public-key',
  'erlang-runtime-tools',
  'erlang-snmp',
  'erlang-ssl',
  'erlang-syntax-tools',
  'erlang-tftp',
  'erlang-tools',
  'erlang-xmerl',
];
const ADVICE =
  'install rabbitmq-server 3.10 or newer (on Debian and Ubuntu it is downloaded by itself), or set HEADWATER_TEST_RABBITMQ_URL';

/** Where the programs are. */
export interface RabbitmqPrograms {
  /** `rabbitmq-server` and `rabbitmqctl` without the wrapper that changes user and folder. */
  readonly scripts: string;
  readonly plugins: string;
  readonly epmd: string;
  /** A PATH with Erlang first. */
  readonly path: string;
}

type Preparation =
  | { readonly kind: 'ready'; readonly programs: RabbitmqPrograms }
  | { readonly kind: 'missing'; readonly reason: string };

let preparation: Promise<Preparation> | undefined;

/** Why RabbitMQ cannot be had here; undefined when it can. Gets the server, starts nothing. */
export async function explainMissingRabbitmq(): Promise<string | undefined> {
  const prepared = await prepareOnce();
  return prepared.kind === 'missing' ? prepared.reason : undefined;
}

/** Finds the programs, downloading them once. Safe when several processes do it at once. */
export async function openRabbitmqPrograms(): Promise<RabbitmqPrograms> {
  const prepared = await prepareOnce();
  if (prepared.kind === 'missing') throw new Error(prepared.reason);
  return prepared.programs;
}

function prepareOnce(): Promise<Preparation> {
  preparation ??= prepare();
  return preparation;
}

async function prepare(): Promise<Preparation> {
  const installed = await findIn('');
  if (installed !== undefined) return { kind: 'ready', programs: installed };
  const root = join(await openCacheDirectory(), 'rabbitmq-server');
  const cached = await findIn(root);
  if (cached !== undefined) return { kind: 'ready', programs: cached };
  if ((await findProgram('apt-get')) === undefined || (await findProgram('dpkg')) === undefined) {
    return { kind: 'missing', reason: `RabbitMQ: not installed, and no apt to download it with; ${ADVICE}` };
  }
  try {
    await withProgress('downloading RabbitMQ and Erlang', download(root));
    const programs = await findIn(root);
    if (programs !== undefined) return { kind: 'ready', programs };
    return { kind: 'missing', reason: `RabbitMQ: the packages of this distribution are laid out otherwise; ${ADVICE}` };
  } catch (error) {
    return { kind: 'missing', reason: `RabbitMQ: apt could not download it: ${explainApt(error)}; ${ADVICE}` };
  }
}

/** The programs below a root folder; undefined when they are not there. */
async function findIn(root: string): Promise<RabbitmqPrograms | undefined> {
  const home = join(root, '/usr/lib/rabbitmq/lib');
  const names = await readdir(home).catch(() => []);
  const version = names.find((name) => name.startsWith('rabbitmq_server-'));
  const erlang = join(root, '/usr/lib/erlang/bin');
  const epmd = join(erlang, 'epmd');
  if (version === undefined || !(await isProgram(epmd))) return undefined;
  const scripts = join(home, version, 'sbin');
  if (!(await isProgram(join(scripts, 'rabbitmq-server')))) return undefined;
  const path = [erlang, process.env['PATH'] ?? ''].join(delimiter);
  return { scripts, plugins: join(home, version, 'plugins'), epmd, path };
}

async function download(root: string): Promise<void> {
  await withPreparationLock(root, async () => {
    if ((await findIn(root)) !== undefined) return;
    const partial = await mkdtemp(`${root}.partial-`);
    try {
      await downloadPackages(partial);
      const unpacked = join(partial, 'root');
      for (const name of await readdir(partial)) {
        if (name.endsWith('.deb')) await run('dpkg', ['-x', join(partial, name), unpacked]);
      }
      await pointErlangAt(unpacked, root);
      await rm(root, { recursive: true, force: true });
      await rename(unpacked, root);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });
}

/** Into this folder. The system's own lists may be missing or old, and only root may renew them. */
async function downloadPackages(directory: string): Promise<void> {
  const lists = join(directory, 'lists');
  const cache = join(directory, 'cache');
  for (const folder of [join(lists, 'partial'), join(cache, 'archives/partial')]) {
    await mkdir(folder, { recursive: true });
  }
  const options = [
    `Dir::State::Lists=${lists}`,
    `Dir::Cache=${cache}`,
    'APT::Sandbox::User=',
    'Acquire::Retries=2',
    'Acquire::Languages=none',
  ].flatMap((option) => ['-o', option]);
  const settings = { cwd: directory, env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 16 * 1024 * 1024 };
  await run('apt-get', [...options, 'update'], settings);
  await run('apt-get', [...options, 'download', ...PACKAGES], settings);
}

/** The start script of Erlang names the folder that it was packaged for. */
async function pointErlangAt(unpacked: string, root: string): Promise<void> {
  const script = join(unpacked, 'usr/lib/erlang/bin/erl');
  const text = await readFile(script, 'utf8');
  const pointed = text.replaceAll(
    /^(\s*)ROOTDIR=.*$/gm,
    (_, blank: string) => `${blank}ROOTDIR="${root}/usr/lib/erlang"`,
  );
  if (pointed === text) throw new Error('the start script of Erlang names no ROOTDIR');
  // A new file: the unpacked one may share its content with a package.
  const replacement = `${script}.new`;
  await cp(script, replacement);
  await writeFile(replacement, pointed);
  await rename(replacement, script);
}

/** The last line that apt wrote: the ones before are its progress. */
function explainApt(error: unknown): string {
  const output = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return (output === '' ? String(error) : (output.split('\n').at(-1) ?? '')).slice(0, 500);
}
