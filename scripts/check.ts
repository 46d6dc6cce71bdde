/**
 * Runs every check, goes on after a failure, and names the ones that failed. `npm run check` is the list of what a change
 * has to pass; each check also runs alone under the same name, `npm run check:lint` and so on.
 */
import { spawnSync } from 'node:child_process';

const CHECKS = [
  'check:format',
  'check:types',
  'check:lint',
  'check:tidy',
  'check:imports',
  'check:dead',
  'check:duplicates',
  'check:api',
  'check:docs',
  'check:lockfile',
  'test',
];

const failed: string[] = [];
for (const name of CHECKS) {
  const startedMs = performance.now();
  console.log(`\n--- ${name}`);
  const { status } = spawnSync('npm', ['run', '--silent', name], { stdio: 'inherit' });
  if (status !== 0) failed.push(name);
  console.log(
    `--- ${name}: ${status === 0 ? 'ok' : 'FAILED'} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`,
  );
}
console.log(failed.length === 0 ? `\n${CHECKS.length} checks passed` : `\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
