import { access } from 'node:fs/promises';

import { systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../postgres/embedded-server.ts';
import type { ResolvedConfig } from '../../service/config-types.ts';
import { createConfiguredDecoder, openConfiguredReader, readRecords } from '../../service/journal-access.ts';
import type { CommandInput } from '../command.ts';
import { loadConfig } from '../load-config.ts';
import { createTerminalLogger } from '../log-lines.ts';
import { formatRecord, type ShownRecord, toRecordJson } from '../record-line.ts';
import { startUnlessInterrupted, waitForEnd } from '../service-run.ts';
import { createDevConfig, placeInDev } from './dev-config.ts';
import { migrateObjects, publishAllTables, runMigrateCommand, waitForTables } from './dev-database.ts';
import { type DevDirectory, keepPort, openDevDirectory } from './dev-directory.ts';

/**
 * A private PostgreSQL, Headwater and what flows through it, in this terminal, until interrupted. What was written stays for
 * the next run. Resolves with the exit code.
 * @throws HW-DEV, HW-EMBEDDED, HW-CONFIG and HW-SOURCE codes; nothing is left running then
 */
export async function runDev(input: CommandInput): Promise<number> {
  const directory = await openDevDirectory(input.text('directory') ?? '.headwater-dev', { reset: input.flag('reset') });
  try {
    await using server = await startServer(directory, input);
    return await runBeside(server, directory, input);
  } catch (thrown) {
    if (input.signal.aborted) return 0;
    throw thrown;
  }
}

async function startServer(directory: DevDirectory, input: CommandInput): Promise<EmbeddedPostgres> {
  const asked = input.number('port');
  const port = asked === 0 ? undefined : (asked ?? directory.port);
  input.terminal.progress(directory.port === undefined ? 'making a PostgreSQL …' : 'starting PostgreSQL …');
  const server = await startEmbeddedPostgres({
    directory: directory.postgres,
    signal: input.signal,
    ...(port === undefined ? {} : { port }),
  });
  await keepPort(directory, server.port);
  return server;
}

async function runBeside(server: EmbeddedPostgres, directory: DevDirectory, input: CommandInput): Promise<number> {
  const { terminal, signal, json } = input;
  const { url } = server;
  const isFirst = !(await exists(directory.journal));
  const own = await loadOwnConfig(input, url);
  const config = placeInDev(own ?? createDevConfig(url, (record) => print(input, record)), {
    sourceUrl: url,
    journalDirectory: directory.journal,
    httpPort: input.number('http-port'),
  });
  if (!json) announceServer(input, url, own);
  await migrateObjects(url, config.source.outboxSchema, signal);
  const migrate = input.text('migrate');
  if (migrate !== undefined) await runMigrateCommand(migrate, url, signal);
  if (own === undefined) await publishAllTables(url, signal);
  await waitForTables(url, {
    tables: [...config.source.tables, ...config.source.adoptedOutboxes.map(({ table }) => table)],
    onMissing: (tables) => terminal.note(`waiting until ${tables.join(', ')} exist(s) in the database`),
    signal,
  });
  const form = json || !process.stderr.isTTY ? 'json' : 'text';
  const logger = config.logger ?? createTerminalLogger(terminal, form, () => new Date(systemClock.now()));
  await using headwater = await startUnlessInterrupted({ ...config, logger }, { signal });
  if (headwater === undefined) return 0;
  const httpUrl = headwater.httpUrl ?? null;
  if (json)
    terminal.out(JSON.stringify({ version: 1, event: 'started', url, http: httpUrl, directory: directory.path }));
  else if (httpUrl !== null) terminal.note(`status     headwater status --url ${httpUrl}`);
  const tailing = new AbortController();
  const tail =
    own === undefined ? Promise.resolve() : followJournal(input, config, { isFirst, signal: tailing.signal });
  const failed = Promise.withResolvers<never>();
  tail.catch(failed.reject);
  try {
    return await Promise.race([waitForEnd(headwater, input), failed.promise]);
  } finally {
    tailing.abort(new HeadwaterError('HW-INTERNAL-003', 'interrupted'));
    await tail.catch(() => undefined);
  }
}

/** Undefined where there is no file of the usual names. Texts of the file see the address of the private PostgreSQL. */
async function loadOwnConfig(input: CommandInput, url: string): Promise<ResolvedConfig | undefined> {
  const name = input.text('config');
  // A configuration is code: what it reads by itself must lead to the same place as what we put in for it.
  process.env['DATABASE_URL'] = url;
  try {
    return await loadConfig(name, { ...input.terminal.environment, DATABASE_URL: url });
  } catch (thrown) {
    if (name === undefined && thrown instanceof HeadwaterError && thrown.code === 'HW-CONFIG-002') return undefined;
    throw thrown;
  }
}

function announceServer({ terminal }: CommandInput, url: string, own: ResolvedConfig | undefined): void {
  const { style } = terminal;
  terminal.note(`${style.bold('PostgreSQL')} DATABASE_URL=${url}`);
  if (own === undefined) {
    terminal.note('lanes      no headwater.config.ts here: changes of all tables and all events are printed below');
    return;
  }
  for (const [name, { sink }] of Object.entries(own.lanes)) {
    terminal.note(`lane       ${name}: writes to ${sink.kind} ${sink.target}`);
  }
}

async function followJournal(
  input: CommandInput,
  config: ResolvedConfig,
  { isFirst, signal }: { readonly isFirst: boolean; readonly signal: AbortSignal },
): Promise<void> {
  await using reader = await openConfiguredReader(config);
  const start = isFirst ? 'beginning' : 'now';
  const records = readRecords(reader, createConfiguredDecoder(config), { start, follow: true, signal });
  for await (const record of records) print(input, record);
}

function print(input: CommandInput, record: ShownRecord): void {
  const withPayload = input.flag('payload');
  input.terminal.out(
    input.json
      ? JSON.stringify(toRecordJson(record, withPayload))
      : formatRecord(record, withPayload, input.terminal.style),
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
