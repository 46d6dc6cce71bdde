import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';

/** How a command ended. */
export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const root = resolve(import.meta.dirname, '../../..');
const packages = ['pg', 'drizzle-orm', 'kysely', 'knex', 'typeorm', 'sequelize', '@mikro-orm', 'zod'];

/** An empty directory of a user, in which `headwater` and some packages can be imported, and the command run. */
export class CommandDirectory implements AsyncDisposable {
  readonly path: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(path: string) {
    this.path = path;
  }

  static async open(): Promise<CommandDirectory> {
    const path = await mkdtemp(join(tmpdir(), 'headwater-command-'));
    await chmod(path, 0o755);
    const modules = join(path, 'node_modules');
    await mkdir(join(modules, 'headwater'), { recursive: true });
    for (const name of packages) await symlink(join(root, 'node_modules', name), join(modules, name));
    await symlink(join(root, 'src'), join(modules, 'headwater', 'src'));
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const built: unknown = Reflect.get(Object(manifest), 'exports');
    // The package as it is published, its built files replaced by their sources.
    const exports: unknown = JSON.parse(
      JSON.stringify(built).replaceAll(/\.\/dist\/([\w-]+)\.(?:d\.ts|js)/g, './src/$1.ts'),
    );
    const files = { name: 'headwater', type: 'module', exports };
    await writeFile(join(modules, 'headwater', 'package.json'), JSON.stringify(files));
    return new CommandDirectory(path);
  }

  async write(name: string, content: string): Promise<void> {
    await mkdir(dirname(join(this.path, name)), { recursive: true });
    await writeFile(join(this.path, name), content);
  }

  read(name: string): Promise<string> {
    return readFile(join(this.path, name), 'utf8');
  }

  /** Runs `headwater` with these words and waits for its end. The environment holds PATH and what is given. */
  headwater(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<CommandEnd> {
    return this.#run([join(root, 'src/cli/main.ts'), ...words], environment);
  }

  /** Runs a file of the directory with Node. */
  node(file: string, environment: Readonly<Record<string, string>> = {}): Promise<CommandEnd> {
    return this.#run([file], environment);
  }

  /** Starts `headwater` and does not wait. It is killed at disposal. */
  start(words: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', join(root, 'src/cli/main.ts'), ...words],
      { cwd: this.path, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], ...environment } },
    );
    this.#children.add(child);
    return child;
  }

  async #run(words: readonly string[], environment: Readonly<Record<string, string>>): Promise<CommandEnd> {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...words], {
      cwd: this.path,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...environment },
    });
    this.#children.add(child);
    const ended = once(child, 'close');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    await ended;
    return { code: child.exitCode, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'close');
      child.stdout?.resume();
      child.stderr?.resume();
      child.kill('SIGKILL');
      await ended;
    }
    await rm(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}
