import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import type { ReceiverSettings } from './receiver-program.ts';

const programPath = fileURLToPath(new URL('./receiver-program.ts', import.meta.url));

/** A receiver in a process of its own, with a store that survives it. */
export class WebhookReceiver implements AsyncDisposable {
  readonly #directory: string;
  readonly #secret: string;
  #child: ChildProcess | undefined;
  #port = 0;

  private constructor(directory: string, secret: string) {
    this.#directory = directory;
    this.#secret = secret;
  }

  static async start(secret: string, paths: readonly string[]): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(await mkdtemp(join(tmpdir(), 'headwater-webhook-')), secret);
    await receiver.#run();
    for (const path of paths) receiver.addPlace(path);
    return receiver;
  }

  get port(): number {
    return this.#port;
  }

  /** From now on the path takes requests; the others answer 404. */
  addPlace(path: string): void {
    this.#write('insert into place (path) values (?)', path);
  }

  /** From now on a body that holds the text is answered with 400. */
  refuse(fragment: string): void {
    this.#write('insert or ignore into refusal (fragment) values (?)', fragment);
  }

  /** From now on every body is taken. */
  refuseNothing(): void {
    this.#write('delete from refusal');
  }

  /** What took effect, each id once, in the order of the effects. */
  effects(): readonly { readonly id: string; readonly body: string }[] {
    using store = new DatabaseSync(this.#file, { readOnly: true });
    return store
      .prepare('select id, body from effect order by place')
      .all()
      .map((row) => ({ id: String(row['id']), body: String(row['body']) }));
  }

  /** Ids in the order of their arrival, repetitions included, or of their effects. */
  ids(table: 'arrival' | 'effect'): string[] {
    using store = new DatabaseSync(this.#file, { readOnly: true });
    return store
      .prepare(`select id from ${table} order by place`)
      .all()
      .map((row) => String(row['id']));
  }

  /** A SIGKILL, and the same store on the same port again. */
  async restart(): Promise<void> {
    await this.#kill();
    await this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#directory, 'receiver.sqlite');
  }

  #write(text: string, ...values: readonly string[]): void {
    using store = new DatabaseSync(this.#file);
    store.exec('pragma busy_timeout = 5000');
    store.prepare(text).run(...values);
  }

  async #run(): Promise<void> {
    const settings: ReceiverSettings = { port: this.#port, file: this.#file, secret: this.#secret };
    const child = spawn(process.execPath, [programPath, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    const ended = once(child, 'close').then(() => Promise.reject(new Error('the receiver ended by itself')));
    const [printed] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer];
    ended.catch(() => undefined);
    this.#port = Number(/^port (\d+)/.exec(printed.toString())?.[1]);
  }

  async #kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }
}
