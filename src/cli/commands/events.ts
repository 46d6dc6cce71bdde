import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { type CatalogueFinding, compareCatalogues } from '../../application/catalogue/compare-catalogues.ts';
import { formatCataloguePage } from '../../application/catalogue/catalogue-page.ts';
import { jsonSchemaDraft, toJsonSchema } from '../../application/catalogue/json-schema.ts';
import {
  type Definitions,
  formatReleased,
  parseReleased,
  release,
  type ReleasedCatalogue,
} from '../../application/catalogue/released-catalogue.ts';
import { isEventDefinition } from '../../application/emit/events.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { configOptions, type Command, type CommandInput } from '../command.ts';
import { loadConfig } from '../load-config.ts';

const verbs = ['check', 'release', 'export', 'docs'] as const;
const releasedDefault = 'headwater.events.json';

/** `headwater events`. */
export const eventsCommand: Command = {
  name: 'events',
  summary: 'check the catalogue of events against what was released, export and document it',
  wordCountMax: 1,
  words: verbs,
  usage: '[check | release | export | docs] [options]',
  description:
    'Works on the catalogue that `events` of the configuration names. `check` (the default) compares it with the released one,\n' +
    `${releasedDefault}, and ends with exit code 3 on a change after which readers of today could not read events of\n` +
    'yesterday, or the other way round: put it into CI. `release` writes what is there now into that file; commit it. It\n' +
    'refuses what `check` finds. `export` writes a JSON Schema for each event, `docs` a page of Markdown.\n\n' +
    'A form may change within its version by optional properties alone. For all else raise `schemaVersion` and give an\n' +
    '`upcaster` from each released version.',
  options: {
    ...configOptions,
    file: { type: 'string', placeholder: 'FILE', description: `The released catalogue. Default: ${releasedDefault}.` },
    remove: {
      type: 'string',
      multiple: true,
      placeholder: 'EVENT',
      description: 'An event that is given up for good: nobody reads it any more. May be repeated.',
    },
    out: {
      type: 'string',
      placeholder: 'PATH',
      description: 'Directory of `export` (default: schemas), file of `docs`.',
    },
  },
  examples: [
    'headwater events check',
    'headwater events release && git add headwater.events.json',
    'headwater events release --remove order.legacy',
    'headwater events export --out schemas',
    'headwater events docs --out docs/events.md',
  ],
  async run(input) {
    const [verb = 'check'] = input.positionals;
    const catalogue = await loadCatalogue(input);
    switch (verb) {
      case 'check':
        return await check(input, catalogue);
      case 'release':
        return await writeRelease(input, catalogue);
      case 'export':
        return await writeSchemas(input, catalogue);
      case 'docs':
        return await writePage(input, catalogue);
      default:
        throw new HeadwaterError('HW-SERVICE-004', `headwater events does not know "${verb}"`, {
          hint: `It knows ${verbs.join(', ')}.`,
        });
    }
  },
};

async function loadCatalogue(input: CommandInput): Promise<Definitions> {
  const { events } = await loadConfig(input.text('config'), input.terminal.environment);
  const isCatalogue = (value: object | undefined): value is Definitions =>
    value !== undefined && Object.values(value).every(isEventDefinition);
  if (isCatalogue(events)) return events;
  throw new HeadwaterError('HW-EVENTS-004', 'the configuration has no `events` that were made by defineEvents()');
}

async function check(input: CommandInput, catalogue: Definitions): Promise<number> {
  const released = await readReleased(input);
  if (released === undefined) {
    throw new HeadwaterError('HW-EVENTS-005', `there is no ${fileOf(input)}`);
  }
  const findings = compareCatalogues(released, catalogue, input.texts('remove'));
  const breaking = findings.filter(({ level }) => level === 'breaking');
  if (input.json) {
    input.terminal.out(JSON.stringify({ version: 1, file: fileOf(input), ok: breaking.length === 0, findings }));
  } else {
    for (const finding of findings) input.terminal.out(formatFinding(finding));
    const count = Object.keys(catalogue).length;
    if (breaking.length === 0) input.terminal.out(`ok: ${count} events, ${findings.length} compatible changes`);
    else input.terminal.note(`${breaking.length} breaking changes: \`headwater explain HW-EVENTS-007\``);
  }
  return breaking.length === 0 ? 0 : 3;
}

async function writeRelease(input: CommandInput, catalogue: Definitions): Promise<number> {
  const released = await readReleased(input);
  const removed = input.texts('remove');
  const findings = compareCatalogues(released ?? { version: 1, events: {} }, catalogue, removed);
  const breaking = findings.filter(({ level }) => level === 'breaking');
  if (breaking.length > 0) {
    throw new HeadwaterError('HW-EVENTS-007', breaking.map(formatFinding).join('\n  '), {
      details: { breaking: breaking.length },
    });
  }
  const file = fileOf(input);
  await writeFile(file, formatReleased(release(released, catalogue, removed)));
  if (input.json) input.terminal.out(JSON.stringify({ version: 1, file, changes: findings }));
  else {
    for (const finding of findings) input.terminal.out(formatFinding(finding));
    input.terminal.out(`${file} holds ${Object.keys(catalogue).length} events: commit it`);
  }
  return 0;
}

async function writeSchemas(input: CommandInput, catalogue: Definitions): Promise<number> {
  const directory = input.text('out') ?? 'schemas';
  await mkdir(directory, { recursive: true });
  const files: string[] = [];
  for (const definition of Object.values(catalogue)) {
    const schema = toJsonSchema(definition);
    if (schema === undefined) continue;
    const { schemaVersion, type } = definition;
    // A type may hold any character; a file name may not.
    const file = join(directory, `${encodeURIComponent(type)}.v${schemaVersion}.schema.json`);
    const title = { $schema: jsonSchemaDraft, title: type };
    await writeFile(file, `${JSON.stringify({ ...title, ...schema }, undefined, 2)}\n`);
    files.push(file);
  }
  if (input.json) input.terminal.out(JSON.stringify({ version: 1, files }));
  else for (const file of files) input.terminal.out(file);
  return 0;
}

async function writePage(input: CommandInput, catalogue: Definitions): Promise<number> {
  const page = formatCataloguePage(catalogue);
  const file = input.text('out');
  if (file === undefined) input.terminal.out(input.json ? JSON.stringify({ version: 1, page }) : page.trimEnd());
  else {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, page);
    input.terminal.out(input.json ? JSON.stringify({ version: 1, file }) : file);
  }
  return 0;
}

async function readReleased(input: CommandInput): Promise<ReleasedCatalogue | undefined> {
  const file = fileOf(input);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new HeadwaterError('HW-EVENTS-005', `${file} cannot be read`, { cause });
  }
  return parseReleased(text, file);
}

function fileOf(input: CommandInput): string {
  return input.text('file') ?? releasedDefault;
}

function formatFinding({ event, level, message, path }: CatalogueFinding): string {
  const place = path === '' ? event : `${event} at ${path}`;
  return `${level.padEnd(10)}  ${place}: ${message}`;
}
