import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { waitUntil } from '../services/wait-until.ts';

const COMMAND_TIMEOUT_MS = 300_000;

/** Where a shell runs. */
export interface TutorialShellOptions {
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * One bash in which a tutorial's commands run one after the other, as in a terminal: variables and background processes
 * stay. At disposal every background process is ended with SIGKILL.
 */
export class TutorialShell implements AsyncDisposable {
  readonly #bash: ChildProcess;
  readonly #closed: Promise<unknown>;
  #output = '';
  #commandCount = 0;

  constructor({ directory, environment }: TutorialShellOptions) {
    this.#bash = spawn('bash', ['--noprofile', '--norc'], {
      cwd: directory,
      env: environment,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#closed = once(this.#bash, 'close');
    this.#bash.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    // A shell that has ended says so by its code; the failed write into it adds nothing.
    this.#bash.stdin?.on('error', () => undefined);
    this.#write(`exec 2>&1; trap 'kill -9 $(jobs -p) 2>/dev/null' EXIT`);
  }

  /** Everything printed so far, also by what runs in the background. */
  get output(): string {
    return this.#output;
  }

  /** Runs a command to its end and resolves with its exit code. @throws when it takes longer than 300 s, or bash has ended */
  async run(command: string): Promise<number> {
    this.#commandCount += 1;
    const mark = `end-of-command-${this.#commandCount}`;
    const from = this.#output.length;
    this.#write(`{ ${command}\n} </dev/null\nprintf '\\n${mark} %s\\n' $?`);
    const end = new RegExp(`\\n${mark} (\\d+)\\n`);
    const hasEnded = (): boolean => {
      if (this.#bash.exitCode !== null) throw new Error(`the shell has ended in: ${command}\n${this.#output}`);
      return end.test(this.#output.slice(from));
    };
    await waitUntil(`the end of: ${command}`, hasEnded, COMMAND_TIMEOUT_MS);
    const code = Number(end.exec(this.#output.slice(from))?.[1]);
    this.#output = this.#output.slice(0, from) + this.#output.slice(from).replace(end, '');
    return code;
  }

  #write(text: string): void {
    this.#bash.stdin?.write(`${text}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#bash.stdin?.end('exit\n');
    await this.#closed;
  }
}
