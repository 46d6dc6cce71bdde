import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-server.ts';
import { platformPackage } from '../../src/postgres/embedded-binaries.ts';
import { nameScratchDirectory } from '../services/scratch.ts';
import { waitUntil } from '../services/wait-until.ts';
import { toPublishedImports } from './published-imports.ts';

const run = promisify(execFile);
const command = join('node_modules', '.bin', 'headwater');
const startTimeoutMs = 60_000;
const deliveryTimeoutMs = 60_000;
const demoTimeoutMs = 300_000;

/** What placing an order takes in a real application, besides the README's code. */
const application = `import pg from 'pg';
import { placeOrder } from './place-order.ts';
const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
await client.connect();
await placeOrder(client, { id: '17', total: '12.50' });
await client.end();
`;

/** The README's configuration, on a free port: the default one may be in use here. */
const configuration = `import config from './headwater.config.ts';
export default { ...config, http: { port: 0 } };
`;

/**
 * Makes a project as a user has it: the package with what it depends on, the driver, and a private PostgreSQL. The latter two
 * are links to the ones of this repository.
 */
export async function createProject(directory: string, tarball: string): Promise<void> {
  mkdirSync(directory);
  writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }\n');
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', ['install', ...flags, tarball], { cwd: directory });
  for (const name of ['pg', platformPackage()]) {
    const link = join(directory, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(resolve('node_modules', name), link);
  }
}

/**
 * Runs the README's example in the project: the order and its event, committed once in one database, reach another one through
 * `headwater run`.
 */
export async function tryExample(directory: string, packageName: string): Promise<void> {
  for (const file of globSync('examples/readme/*.ts')) {
    writeFileSync(join(directory, basename(file)), toPublishedImports(readFileSync(file, 'utf8'), packageName));
  }
  writeFileSync(join(directory, 'application.ts'), application);
  writeFileSync(join(directory, 'loopback.config.ts'), configuration);
  await using server = await startEmbeddedPostgres({
    directory: await nameScratchDirectory('package'),
    lifetime: 'scratch',
  });
  await query(server.url, 'create database shop');
  await query(server.url, 'create database reports');
  const urls = { DATABASE_URL: urlOf(server.url, 'shop'), REPORTS_URL: urlOf(server.url, 'reports') };
  await query(urls.DATABASE_URL, 'create table orders (id text primary key, total text)');
  await query(urls.REPORTS_URL, 'create table sales (order_id text primary key)');

  const env = { ...process.env, ...urls };
  const headwater = spawn(command, ['run', '--config', 'loopback.config.ts', '--json'], { cwd: directory, env });
  const log = collect(headwater);
  try {
    await waitForStart(headwater);
    await run(process.execPath, ['application.ts'], { cwd: directory, env });
    const awaited = 'the order and its event are in the other database';
    await waitUntil(awaited, () => hasArrived(urls.REPORTS_URL), deliveryTimeoutMs);
    const ended: Promise<readonly unknown[]> = once(headwater, 'exit');
    headwater.kill('SIGTERM');
    const [code] = await ended;
    if (code !== 0) throw new Error(`headwater run ended with code ${String(code)}`);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${log.join('')}`, { cause: error });
  } finally {
    headwater.kill('SIGKILL');
  }
}

/** Runs the contract of sinks from the installed package against the example of a sink, where no driver is installed. */
export async function tryContract(directory: string, packageName: string): Promise<void> {
  const names = globSync('examples/own-sink/*.ts').map((file) => {
    writeFileSync(join(directory, basename(file)), toPublishedImports(readFileSync(file, 'utf8'), packageName));
    return basename(file);
  });
  const tests = names.filter((name) => name.endsWith('.test.ts'));
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', ...tests], { cwd: directory, env });
  const count = (what: string): number => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(stdout)?.[1]);
  if (!(count('pass') >= 6 && count('fail') === 0)) throw new Error(`the contract was not held:\n${stdout}`);
}

/** Runs the demo from the installed package: every part of it is a built file there. */
export async function tryDemo(directory: string): Promise<void> {
  const flags = ['demo', '--assert', '--seed', '1', '--json'];
  const { stdout } = await run(command, flags, { cwd: directory, timeout: demoTimeoutMs, maxBuffer: 64 * 1024 * 1024 });
  const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { ok?: unknown };
  if (report.ok !== true) throw new Error(`the demo says ${JSON.stringify(report)}`);
}

async function hasArrived(url: string): Promise<boolean> {
  const [sale] = await query(url, 'select order_id from sales');
  if (sale?.['order_id'] !== '17') return false;
  const [table] = await query(url, `select to_regclass('public.orders') is not null as is_made`);
  if (table?.['is_made'] !== true) return false;
  const [order] = await query(url, 'select id, total from orders');
  return order?.['id'] === '17' && order['total'] === '12.50';
}

async function query(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

function collect(child: ChildProcess): string[] {
  const log: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => log.push(text));
  return log;
}

/** The first line that `run --json` writes says that it has started. */
async function waitForStart(headwater: ChildProcess): Promise<void> {
  if (headwater.stdout === null) throw new Error('headwater run has no output');
  const output = createInterface(headwater.stdout);
  const lines: readonly unknown[] = await once(output, 'line', { signal: AbortSignal.timeout(startTimeoutMs) });
  const [line] = lines;
  if (!String(line).includes('"event":"started"')) throw new Error(`headwater run says ${String(line)}`);
}
