/**
 * Writes the reference pages that are generated from the code: `npm run docs`. With `--check` it writes nothing and ends
 * with code 1 when a page differs.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

import { z } from 'zod';

import { sharedOptions, formatCommandHelp } from '../src/cli/command.ts';
import { commands } from '../src/cli/commands.ts';
import { errorCodes } from '../src/foundation/error-codes.ts';
import { formatStatement } from '../src/guarantees/explain.ts';
import { compose } from '../src/guarantees/compose.ts';
import { flows } from '../src/guarantees/flows.ts';
import { formatComposed } from '../src/guarantees/format-composed.ts';
import { flowStepIds } from '../src/guarantees/plan-flow.ts';
import { statements } from '../src/guarantees/statements.ts';
import { configSchema } from '../src/service/config-schema.ts';
import { metrics } from '../src/service/metric-names.ts';
import { formatDualWritePage } from './docs/dual-write-page.ts';
import { formatLanguageModelIndex } from './docs/language-model-index.ts';
import { operationsFiles } from './operations/operations-files.ts';

const pages: Readonly<Record<string, () => string>> = {
  'docs/reference/configuration.md': configurationPage,
  'docs/reference/error-codes.md': errorCodesPage,
  'docs/reference/guarantees.md': guaranteesPage,
  'docs/reference/metrics.md': metricsPage,
  'docs/reference/command.md': commandPage,
  'docs/tutorials/replace-your-dual-write.md': formatDualWritePage,
  ...operationsFiles,
  // The last one: it lists the others.
  'llms.txt': formatLanguageModelIndex,
};

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const stale: string[] = [];
for (const [name, build] of Object.entries(pages)) {
  const path = join(...name.split('/'));
  const text = build();
  if (readIfPresent(path) === text) continue;
  if (values.check) stale.push(path);
  else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
for (const path of listUnwantedFiles()) {
  if (values.check) stale.push(path);
  else rmSync(path);
}
if (stale.length > 0) {
  process.stderr.write(`not as the code says: ${stale.join(', ')}\nRun \`npm run docs\` and commit the pages.\n`);
  process.exitCode = 1;
}

/** Runbooks and dashboards of what is there no more. */
function listUnwantedFiles(): readonly string[] {
  const wanted = new Set(Object.keys(pages));
  return globSync('docs/operations/**/*.{md,json,yml}').filter((path) => !wanted.has(path.replaceAll('\\', '/')));
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

interface SchemaNode {
  readonly description?: string;
  readonly reason?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly SchemaNode[];
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
}

function configurationPage(): string {
  const root = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as SchemaNode;
  return [
    '# Configuration, version 1',
    '',
    'Every option of `defineConfig`, its default and the reason for it. An unknown option is an error: all faults are named at',
    'once with their paths (`HW-CONFIG-001`). In a file that the command loads, `${NAME}` and `${NAME:-default}` in any text',
    'are taken from the environment. A secret is a text, `{ file: "path" }` or a function. Options are only added within',
    'version 1; a removed or changed one makes a new version, named in the changelog.',
    '',
    '| option | type | default | what it is | why this default |',
    '|---|---|---|---|---|',
    ...rowsOf('', root),
    '',
  ].join('\n');
}

function rowsOf(path: string, node: SchemaNode): string[] {
  const object = [node, ...(node.anyOf ?? [])].find((candidate) => candidate.properties !== undefined);
  const rows = Object.entries(object?.properties ?? {}).flatMap(([name, child]) => {
    const childPath = path === '' ? name : `${path}.${name}`;
    return [optionRow(childPath, child), ...rowsOf(childPath, child)];
  });
  if (typeof node.additionalProperties === 'object') rows.push(...rowsOf(`${path}.<name>`, node.additionalProperties));
  if (node.items?.properties !== undefined) rows.push(...rowsOf(`${path}[]`, node.items));
  return rows.filter((row) => row !== '');
}

function optionRow(path: string, node: SchemaNode): string {
  if (node.description === undefined) return '';
  const fallback =
    node.default === undefined ? '' : `\`${node.default === null ? 'Infinity' : JSON.stringify(node.default)}\``;
  return `| \`${path}\` | ${typeOf(node)} | ${fallback} | ${cell(node.description)} | ${cell(node.reason ?? '')} |`;
}

function typeOf(node: SchemaNode): string {
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.const !== undefined) return `\`${JSON.stringify(node.const)}\``;
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(typeOf))].join(' or ');
  if (node.type === 'array') return `list of ${node.items === undefined ? 'any' : typeOf(node.items)}`;
  return node.type ?? 'see text';
}

function errorCodesPage(): string {
  const lines = ['# Error codes', '', 'A code is never reused. `headwater explain CODE` prints the same page.', ''];
  for (const [code, definition] of Object.entries(errorCodes)) {
    lines.push(
      `## ${code}`,
      '',
      `${definition.title}.`,
      '',
      `- **Why**: ${definition.why}`,
      `- **Fix**: ${definition.fix}`,
      `- **Then**: ${definition.policy === 'retry' ? 'tried again with growing delays' : 'stops until someone acts'}; exit code ${definition.exitCode}.`,
      '',
    );
  }
  return lines.join('\n');
}

function guaranteesPage(): string {
  return [
    '# Guarantee statements, version 1',
    '',
    'What each option replaces, what remains at each boundary, and which test holds each claim. `headwater explain NAME`',
    'prints one; `explain(name)` returns it as a value. Fields are only added within version 1.',
    '',
    ...statements.flatMap((statement) => [`## ${statement.id}`, '', '```text', formatStatement(statement), '```', '']),
    '# Flows',
    '',
    'What several parts promise together. `headwater explain emit kafka inbox` prints it, `compose([…])` returns it as a value;',
    'parts that lie between need not be named. Each property is that of the weakest link, which is named beside it:',
    '',
    '- **effect**: a repetition is dropped by the next part that knows what it repeats, so that at-least-once becomes effectively',
    '  once at that part, by its mechanism; what may be missing is brought back by nobody; a call without a key is made again',
    '- **atomicity**: behind the first boundary a reader sees some of it before the rest',
    '- **freshness**: a token that is waited for bounds everything in front of it',
    '- **order**: begins with the commit, and is the least that any part behind it keeps',
    '- **durability**: durable while each acknowledgement on the way survives a crash of the part that gave it',
    '- **waits for**: the parts whose failure the first one feels; the others only let the end lag',
    '',
    `Parts: ${flowStepIds()
      .map((id) => `\`${id}\``)
      .join(', ')}.`,
    '',
    ...flows.flatMap(({ names }) => [
      `## ${names.join(' → ')}`,
      '',
      '```text',
      formatComposed(compose(names)),
      '```',
      '',
    ]),
  ].join('\n');
}

function metricsPage(): string {
  return [
    '# Metrics',
    '',
    'Served at `/metrics` in the Prometheus text form. Base units; labels never hold keys, ids or WAL locations.',
    '',
    '| name | type | labels | meaning |',
    '|---|---|---|---|',
    ...Object.values(metrics).map(
      (metric) => `| \`${metric.name}\` | ${metric.type} | ${metric.labels.join(', ')} | ${cell(metric.description)} |`,
    ),
    '',
  ].join('\n');
}

function commandPage(): string {
  return [
    '# The `headwater` command',
    '',
    'Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 failure, 2 usage, 3 problems found, 4 not found, 5 not',
    'allowed, 6 unreachable, 7 timed out, 8 refused without `--yes`, 130 interrupted. Every command takes',
    `${Object.keys(sharedOptions)
      .map((name) => `\`--${name}\``)
      .join(', ')}. JSON on stdout carries \`version: 1\`; fields are only added within a version.`,
    '',
    ...commands.flatMap((command) => [`## ${command.name}`, '', '```text', formatCommandHelp(command), '```', '']),
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
