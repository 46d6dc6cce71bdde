import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const packedFiles = ['package.json', 'README.md', 'LICENSE', 'NOTICE', 'CHANGELOG.md'];

/**
 * Compiles and packs the package as it is in this work tree into an empty directory, and touches nothing else: `dist` may be in
 * use. Resolves with the path of the tarball.
 */
export async function packSource(directory: string): Promise<string> {
  const tree = join(directory, 'package');
  await mkdir(tree, { recursive: true });
  await run('tsc', ['-p', 'tsconfig.build.json', '--outDir', join(tree, 'dist')]);
  await chmod(join(tree, 'dist/cli/main.js'), 0o755);
  for (const name of packedFiles) await copyFile(name, join(tree, name));
  await cp('docs/reference', join(tree, 'docs/reference'), { recursive: true });
  const { stdout } = await run(
    'npm',
    ['pack', '--ignore-scripts', '--silent', '--pack-destination', resolve(directory)],
    {
      cwd: tree,
    },
  );
  return join(directory, stdout.trim());
}
