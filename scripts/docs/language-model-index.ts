import { globSync, readFileSync } from 'node:fs';

import { commands } from '../../src/cli/commands.ts';
import { statements } from '../../src/guarantees/statements.ts';

const chapters = [
  { folder: 'tutorials', title: 'Tutorials' },
  { folder: 'how-to', title: 'How-to' },
  { folder: 'reference', title: 'Reference' },
  { folder: 'operations', title: 'Operations' },
  { folder: 'explanation', title: 'Explanation' },
  { folder: 'decisions', title: 'Optional' },
] as const;

/**
 * The index of the documents for readers that are language models, in the form of https://llmstxt.org: pages by chapter with
 * their headings, and what the command, the package and the statements of guarantees call things.
 */
export function formatLanguageModelIndex(): string {
  return [
    '# Headwater',
    '',
    '> Removes the dual-write problem for TypeScript on PostgreSQL: the application commits rows and events in one transaction;',
    '> Headwater reads the write-ahead log into an ordered, durable journal and brings every other store up to date from there.',
    '',
    'Delivery is at least once. What is effectively once, at which boundary and by which mechanism, is said by the guarantee',
    'statements, each claim of which names the test that holds it.',
    '',
    '## Start',
    '',
    '- [README](README.md): what it is, how it is used, what is promised and what is not',
    '- [ARCHITECTURE](ARCHITECTURE.md): the parts, their order, the invariants',
    '',
    ...chapters.flatMap(({ folder, title }) => ['## ' + title, '', ...listPages(folder), '']),
    '## Command',
    '',
    ...commands.map(({ name, summary, usage }) => `- \`headwater ${name} ${usage}\`: ${summary}`),
    '',
    '## Modules',
    '',
    ...listModules().map((name) => `- \`${name}\``),
    '',
    '## Guarantee statements',
    '',
    ...statements.map(({ id, title }) => `- \`headwater explain ${id}\`: ${title}`),
    '',
  ].join('\n');
}

/** Runbooks are left to the page that lists them. */
function listPages(folder: string): readonly string[] {
  const paths = globSync(`docs/${folder}/*.md`).map((path) => path.replaceAll('\\', '/'));
  return paths.toSorted().map((path) => `- [${headingOf(path)}](${path})`);
}

function headingOf(path: string): string {
  const heading = /^# (.+)$/m.exec(readFileSync(path, 'utf8'))?.[1];
  return (heading ?? path).replaceAll('`', '');
}

function listModules(): readonly string[] {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly exports: Readonly<Record<string, unknown>>;
  };
  const subpaths = Object.keys(manifest.exports).filter((name) => !name.endsWith('.json'));
  return subpaths.map((name) => name.replace(/^\./, 'headwater'));
}
