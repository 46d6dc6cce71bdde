import type { HeadwaterError } from '../../foundation/error.ts';
import type { Checkpoint } from '../checkpoint.ts';
import type { OutboundBatch, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../sink.ts';

/** What a write of the recording sink does next. */
export type WriteScript =
  | 'take'
  /** Takes effect, and the reply is lost. */
  | { readonly takeAndThrow: HeadwaterError }
  | { readonly throw: HeadwaterError }
  /** Ends when the promise does; with an effect, or with none and an error. */
  | { readonly hold: Promise<void>; readonly throw?: HeadwaterError };

/** A store in memory that survives its connections: what a sink made durable, and what it is told to fail at. */
export class RecordingStore {
  readonly capabilities: SinkCapabilities;
  readonly batches: OutboundBatch[] = [];
  /** Ids of records in the order in which they took effect. */
  readonly ids: string[] = [];
  readonly started: string[] = [];
  checkpoint: Checkpoint | undefined;
  openCount = 0;
  closeCount = 0;
  openFailures: HeadwaterError[] = [];
  script: (batch: OutboundBatch) => WriteScript = () => 'take';
  /** What happens before it says which checkpoint it holds. */
  beforeCheckpoint: () => Promise<void> = () => Promise.resolve();
  #open: string[] = [];
  #seen: (() => void)[] = [];

  constructor(capabilities: Partial<SinkCapabilities> = {}) {
    this.capabilities = { unit: 'batch', checkpointIn: 'sink', recordBytesMax: undefined, ...capabilities };
  }

  get definition(): SinkDefinition {
    return { kind: 'recording', target: 'memory', open: (context) => this.#openSink(context) };
  }

  /** Resolves when the condition holds, looked at after every change. */
  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#seen.push(resolve);
      await promise;
    }
  }

  #notify(): void {
    for (const resolve of this.#seen.splice(0)) resolve();
  }

  async #openSink(_context: SinkContext): Promise<Sink> {
    const failure = this.openFailures.shift();
    this.openCount += 1;
    this.#notify();
    if (failure !== undefined) throw failure;
    return {
      capabilities: this.capabilities,
      readCheckpoint: async () => {
        await this.beforeCheckpoint();
        this.#open = [];
        return this.checkpoint;
      },
      write: (batch, signal) => this.#write(batch, signal),
      [Symbol.asyncDispose]: () => {
        this.#open = [];
        this.closeCount += 1;
        this.#notify();
        return Promise.resolve();
      },
    };
  }

  async #write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    this.batches.push(batch);
    this.started.push(...batch.records.map(({ id }) => id));
    const script = this.script(batch);
    this.#notify();
    if (script !== 'take' && 'hold' in script) {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        void script.hold.then(resolve);
      });
    }
    if (script !== 'take' && 'throw' in script && script.throw !== undefined) {
      this.#open = [];
      throw script.throw;
    }
    this.#take(batch);
    this.#notify();
    if (script !== 'take' && 'takeAndThrow' in script) throw script.takeAndThrow;
  }

  #take(batch: OutboundBatch): void {
    this.#open.push(...batch.records.map(({ id }) => id));
    if (this.capabilities.unit === 'transaction' && !batch.endsTransaction) return;
    this.ids.push(...this.#open);
    this.#open = [];
    if (this.capabilities.checkpointIn === 'sink') this.checkpoint = batch.to;
  }
}
