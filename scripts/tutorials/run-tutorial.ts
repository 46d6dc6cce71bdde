import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

import { waitUntil } from '../services/wait-until.ts';
import { findMissingLine } from './match-output.ts';
import { parseTutorial, type TutorialStep } from './parse-tutorial.ts';
import { TutorialShell } from './tutorial-shell.ts';

const OUTPUT_TIMEOUT_MS = 180_000;
const INSTALLATION = /^npm install headwater(?= |$)/;

/** What a tutorial runs with. */
export interface TutorialOptions {
  /** The text of the page. */
  readonly page: string;
  /** Installed where the page says `npm install headwater`. */
  readonly tarball: string;
  /** What the blocks `sh by-hand` would have exported: addresses and ports. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Follows a tutorial in an empty directory, to its last block: writes its files, runs its commands line by line, and waits
 * until they have printed what the page shows. Packages other than ours come from the registry.
 * @throws Error that names the line of the page, and what was printed there, when a command fails or prints something else
 */
export async function runTutorial({ page, tarball, environment }: TutorialOptions): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-tutorial-'));
  try {
    await using shell = new TutorialShell({ directory, environment: { ...userEnvironment(), ...environment } });
    for (const step of parseTutorial(page)) await follow(step, { directory, shell, tarball });
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Place {
  readonly directory: string;
  readonly shell: TutorialShell;
  readonly tarball: string;
}

async function follow(step: TutorialStep, { directory, shell, tarball }: Place): Promise<void> {
  if (step.kind === 'by-hand') return;
  if (step.kind === 'file') {
    const path = join(directory, step.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, step.content);
    return;
  }
  const commands = step.commands.map((command) => command.replace(INSTALLATION, `npm install ${tarball}`));
  let from = shell.output.length;
  const printed = (): string => shell.output.slice(from);
  const runAll = async (): Promise<boolean> => {
    from = shell.output.length;
    for (const command of commands) {
      const code = await shell.run(command);
      if (code !== 0 && !step.isRepeated) throw new Error(explainFailure(command, code, printed()));
    }
    return findMissingLine(step.expected, printed()) === undefined;
  };
  try {
    if (step.isRepeated) await waitUntil('the expected output', runAll, OUTPUT_TIMEOUT_MS);
    else {
      await runAll();
      const isThere = (): boolean => findMissingLine(step.expected, printed()) === undefined;
      await waitUntil('the expected output', isThere, OUTPUT_TIMEOUT_MS);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const missing = findMissingLine(step.expected, printed());
    const lack = missing === undefined ? '' : `\nmissing: ${missing}`;
    throw new Error(`line ${step.line} of the page: ${reason}${lack}\nprinted:\n${printed()}`, { cause: error });
  }
}

function explainFailure(command: string, code: number, printed: string): string {
  const isOffline = command.startsWith('npm install') && /E(?:NOTFOUND|AI_AGAIN|CONNREFUSED|TIMEDOUT)/.test(printed);
  const hint = isOffline ? '; tutorials install their packages from the registry, which cannot be reached' : '';
  return `\`${command}\` ended with code ${code}${hint}`;
}

/** Without the tools and the settings of this repository's own tests. */
function userEnvironment(): NodeJS.ProcessEnv {
  const own = resolve('node_modules/.bin');
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:HEADWATER_|NODE_TEST_)/.test(name));
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => resolve(entry) !== own);
  return { ...Object.fromEntries(kept), ...npmSettings, NO_COLOR: '1', PATH: path.join(delimiter) };
}

/** Nothing is sent that an installation does not need, and a registry that cannot be reached is noticed within seconds. */
const npmSettings = {
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
  npm_config_prefer_offline: 'true',
  npm_config_fetch_retries: '1',
  npm_config_fetch_retry_mintimeout: '1000',
};
