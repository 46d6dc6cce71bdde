/** Prints every finding of tidy-rules.ts in the repository's sources. Ends with code 1 when there is one. */
import { globSync, readFileSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import ts from 'typescript';
import { TIDY_EXEMPTIONS_MAX, tidyExemptions } from './tidy-exemptions.ts';
import { findUntidy, type TidyFinding } from './tidy-rules.ts';

const SOURCES = ['src', 'scripts', 'lab', 'bench', 'examples', 'test'].map((folder) => `${folder}/**/*.{ts,mjs}`);

/** What a generator wrote. */
const GENERATED = 'examples/orders/prisma-client/**';

const adapters = readAdapters();
const paths = globSync(SOURCES)
  .filter((path) => !matchesGlob(path, GENERATED))
  .toSorted();
const findings = paths.flatMap((path) =>
  findUntidy({
    path,
    text: readFileSync(path, 'utf8'),
    isAdapter: adapters.some((pattern) => matchesGlob(path, pattern)),
  }),
);
const exempted = new Set(findings.filter(isExempt));
const problems = [
  ...findings.filter((finding) => !exempted.has(finding)).map(describeFinding),
  ...findUnusedExemptions(),
  ...findLockfileHosts(),
];
for (const problem of problems) console.log(problem);
console.log(`tidy: ${paths.length} files, ${problems.length} findings, ${exempted.size} exempted`);
process.exitCode = problems.length === 0 && paths.length > 0 ? 0 : 1;

/** The one list of adapters is the override of the lint configuration that lifts the ban on ambient effects. */
function readAdapters(): string[] {
  const { config } = ts.readConfigFile('.oxlintrc.json', (path) => readFileSync(path, 'utf8')) as {
    config?: { overrides?: { files: string[]; rules: Record<string, unknown> }[] };
  };
  const lifted = (config?.overrides ?? []).filter(({ rules }) => rules['no-restricted-imports'] === 'off');
  const files = lifted.flatMap((override) => override.files);
  if (!files.includes('src/foundation/**')) throw new Error('.oxlintrc.json no longer lists the adapters');
  return files;
}

function isExempt(finding: TidyFinding): boolean {
  return tidyExemptions.some(({ path, rule }) => path === finding.path && rule === finding.rule);
}

function describeFinding({ path, line, rule, message }: TidyFinding): string {
  return `${path}:${line} ${rule}: ${message}`;
}

function findUnusedExemptions(): string[] {
  const unused = tidyExemptions.filter(
    ({ path, rule }) => !findings.some((finding) => finding.path === path && finding.rule === rule),
  );
  const excess = tidyExemptions.length - TIDY_EXEMPTIONS_MAX;
  return [
    ...unused.map(({ path, rule }) => `tidy-exemptions.ts: ${path} no longer needs its exemption from ${rule}`),
    ...(excess > 0 ? [`tidy-exemptions.ts: ${excess} more than the ${TIDY_EXEMPTIONS_MAX} allowed`] : []),
  ];
}

/** An address in the lockfile ties everyone to one registry; the integrity hashes alone identify the packages. */
function findLockfileHosts(): string[] {
  const hosts = readFileSync('package-lock.json', 'utf8').match(/"resolved": "https?:/g) ?? [];
  return hosts.length === 0 ? [] : [`package-lock.json: ${hosts.length} addresses; .npmrc leaves them out`];
}
