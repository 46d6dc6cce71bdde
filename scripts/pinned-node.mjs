// @ts-check
// Runs a file, a tool of node_modules/.bin or Node's own flags on the Node that this repository pins.
//
//   node scripts/pinned-node.mjs scripts/some.ts --flag      a file: the argument holds a slash or ends in .ts, .mjs or .js
//   node scripts/pinned-node.mjs tsc -p .                    a tool of node_modules/.bin
//   node scripts/pinned-node.mjs --print process.version     Node itself: the first argument is a flag
//
// The pinned Node is a platform package of the private workspace tools/node, which needs no install script. Where there is
// none for a platform, the Node that runs this file serves if it is new enough. Otherwise nothing is started: a script of
// this repository never runs on an older Node by accident. This file itself has to start on that older Node in order to
// say so, hence plain JavaScript.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** What a prebuilt glibc binary needs in order to start; musl and Nix systems lack it. */
const LOADERS = { x64: '/lib64/ld-linux-x86-64.so.2', arm64: '/lib/ld-linux-aarch64.so.1' };
const OLDEST_MAJOR = 24;
const OLDEST_MINOR = 6;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The Node of the workspace, when it is installed and can start here. */
function findPinned() {
  const loader = process.arch === 'x64' || process.arch === 'arm64' ? LOADERS[process.arch] : undefined;
  if (process.platform !== 'linux' || loader === undefined || !existsSync(loader)) return undefined;
  try {
    const require = createRequire(join(root, 'tools/node/package.json'));
    const folder = dirname(require.resolve(`node-${process.platform}-${process.arch}/package.json`));
    return realpathSync(join(folder, 'bin/node'));
  } catch {
    return undefined; // Not installed: the running Node is judged next.
  }
}

/** The executable to run on. Stops this process when there is none. */
function findNode() {
  const pinned = findPinned();
  if (pinned !== undefined) return pinned;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_MAJOR || (major === OLDEST_MAJOR && minor >= OLDEST_MINOR)) return process.execPath;
  return stop(
    `this needs Node ${OLDEST_MAJOR}.${OLDEST_MINOR} or newer, node ${process.versions.node} is running, and no pinned Node ` +
      `for ${process.platform}-${process.arch} is installed. Run \`npm ci\` (without --omit=optional); where the platform ` +
      `has no pinned Node, install Node ${OLDEST_MAJOR} and use that.`,
  );
}

/** The file behind a name of node_modules/.bin, and whether Node has to run it or it runs by itself. */
function findTool(/** @type {string} */ name) {
  const link = join(root, 'node_modules/.bin', name);
  if (!existsSync(link)) return undefined;
  const file = realpathSync(link);
  const descriptor = openSync(file, 'r');
  const start = Buffer.alloc(64);
  const length = readSync(descriptor, start, 0, start.length, 0);
  closeSync(descriptor);
  const isNodeScript = /^#!.*\bnode\b/.test(start.toString('latin1', 0, length)) || /\.[cm]?js$/.test(file);
  return { file, isNodeScript };
}

/** The command line for the arguments given. Stops this process when they name nothing that exists. */
function planCommand(/** @type {string} */ executable, /** @type {string[]} */ args) {
  const [first, ...rest] = args;
  if (!first) return stop('name a file, a tool of node_modules/.bin or a flag of Node');
  const isFile = first.startsWith('-') || /[/\\]/.test(first) || /\.([cm]?[jt]s)$/.test(first);
  if (isFile) return { command: executable, args };
  const tool = findTool(first);
  if (tool === undefined) return stop(`node_modules/.bin has no ${first}; run \`npm ci\``);
  if (!tool.isNodeScript) return { command: tool.file, args: rest };
  return { command: executable, args: [tool.file, ...rest] };
}

/** Runs the command in place of this process where the system can, else as a child that gets our signals. */
function run(/** @type {string} */ command, /** @type {string[]} */ args, /** @type {NodeJS.ProcessEnv} */ env) {
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.execve(command, [command, ...args], env);
  }
  const child = spawn(command, args, { stdio: 'inherit', env });
  const isInteractive = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  // A terminal sends Ctrl-C to the whole group, so the child has it already: a second one would cut its clean-up short.
  process.on('SIGINT', () => isInteractive || child.kill('SIGINT'));
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP', 'SIGQUIT']))
    process.on(signal, () => child.kill(signal));
  child.on('error', (error) => stop(`cannot start ${command}: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  });
}

/** @returns {never} */
function stop(/** @type {string} */ sentence) {
  process.stderr.write(`pinned-node: ${sentence}\n`);
  process.exit(1);
}

const executable = findNode();
const { command, args } = planCommand(executable, process.argv.slice(2));
run(command, args, {
  ...process.env,
  PATH: [dirname(executable), join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter),
});
