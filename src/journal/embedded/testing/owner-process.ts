import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

import { isProcessStopped } from '../../../postgres/process-identity.ts';
import type { OwnerAnswer, OwnerCommand } from './owner-program.ts';

/** A real process that owns a journal, for tests of what happens between processes. */
export class OwnerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(new URL('owner-program.ts', import.meta.url));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ask(command: OwnerCommand): Promise<OwnerAnswer> {
    const answered = once(this.#child, 'message');
    this.#child.send(command);
    const [answer] = (await answered) as [OwnerAnswer];
    return answer;
  }

  /** @throws when the process refuses */
  async tell(command: OwnerCommand): Promise<readonly string[]> {
    const answer = await this.ask(command);
    if (answer.kind === 'refused') throw new Error(`${answer.code}: ${answer.message}`);
    return answer.texts;
  }

  /** Stops the process, and resolves when it is stopped. */
  async freeze(): Promise<void> {
    this.#child.kill('SIGSTOP');
    while (!(await isProcessStopped(this.pid)));
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
