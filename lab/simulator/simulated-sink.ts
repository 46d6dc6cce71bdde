import type { Checkpoint } from '../../src/delivery/checkpoint.ts';
import { isSameCheckpoint } from '../../src/delivery/checkpoint.ts';
import type { OutboundBatch, OutboundRecord, Sink, SinkCapabilities, SinkDefinition } from '../../src/delivery/sink.ts';
import { HeadwaterError } from '../../src/foundation/error.ts';
import type { StoreLedger } from './store-ledger.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { applyChange, type SimulatedRow, toChange } from './simulated-change.ts';

/** The mechanisms by which a record takes effect once. */
export type StoreKind = 'mirror' | 'log' | 'handler' | 'inbox';

/** Unit and place of the checkpoint for each mechanism. */
const capabilitiesOf = {
  mirror: { unit: 'transaction', checkpointIn: 'sink', recordBytesMax: undefined },
  log: { unit: 'batch', checkpointIn: 'sink', recordBytesMax: undefined },
  handler: { unit: 'record', checkpointIn: 'lane', recordBytesMax: undefined },
  inbox: { unit: 'batch', checkpointIn: 'lane', recordBytesMax: undefined },
} as const satisfies Record<StoreKind, SinkCapabilities>;

/** How often a store misbehaves: a write that does not arrive, a reply that is lost, a reply that takes its time. */
export interface StoreFaults {
  refuseChance: number;
  lostReplyChance: number;
  slowChance: number;
  /** How many records a store that can park refuses for good, until somebody mends it. */
  poisonChance: number;
}

/**
 * A derived store: it outlives its clients. A write that was sent takes effect whenever the store comes to it, also when its
 * client has died by then. `mirror` and `log` keep the checkpoint with the data and refuse sessions that were followed by
 * another; `handler` and `inbox` drop what they know by its id.
 */
export class SimulatedStore {
  readonly kind: StoreKind;
  readonly ledger: StoreLedger;
  readonly rows: Map<string, SimulatedRow> = new Map();
  readonly process: SimulatedProcess;
  readonly scheduler: Scheduler;
  readonly faults: StoreFaults;
  readonly #ids = new Set<string>();
  readonly #poison = new Map<string, boolean>();
  checkpoint: Checkpoint | undefined;
  session = 0;

  constructor(options: {
    readonly kind: StoreKind;
    readonly ledger: StoreLedger;
    readonly scheduler: Scheduler;
    readonly faults: StoreFaults;
  }) {
    this.kind = options.kind;
    this.ledger = options.ledger;
    this.scheduler = options.scheduler;
    this.faults = options.faults;
    this.process = options.scheduler.createProcess(options.kind);
  }

  /** What a process configures: a sink whose calls are steps of `owner`. */
  definition(owner: SimulatedProcess): SinkDefinition {
    return {
      kind: this.kind,
      target: 'a simulated store',
      open: async () => {
        await owner.step(`open ${this.kind}`);
        if (this.scheduler.chance(this.faults.refuseChance)) throw unreachableStore();
        return new SimulatedSink(this, owner);
      },
    };
  }

  /** Whether the store refuses the record; the same answer each time, until it is mended. */
  refuses({ id }: OutboundRecord): boolean {
    if (this.kind === 'mirror') return false;
    const known = this.#poison.get(id);
    if (known !== undefined) return known;
    const isPoisoned = this.faults.poisonChance > 0 && this.scheduler.chance(this.faults.poisonChance);
    this.#poison.set(id, isPoisoned);
    return isPoisoned;
  }

  /** What was refused so far is taken from now on. */
  mend(): void {
    for (const id of this.#poison.keys()) this.#poison.set(id, false);
  }

  /** @returns whether the write took effect, now or before */
  apply(write: StoreWrite): 'done' | 'refused' {
    if (capabilitiesOf[this.kind].checkpointIn === 'sink') {
      if (write.session !== this.session) return 'refused';
      if (this.checkpoint !== undefined && !isSameCheckpoint(this.checkpoint, write.from)) return 'refused';
    }
    for (const outbound of write.records) this.#applyRecord(outbound);
    if (capabilitiesOf[this.kind].checkpointIn === 'sink') {
      this.ledger.checkCheckpoint(write.to);
      this.checkpoint = write.to;
    }
    return 'done';
  }

  #applyRecord(outbound: OutboundRecord): void {
    if (capabilitiesOf[this.kind].checkpointIn === 'lane') {
      if (this.#ids.has(outbound.id)) return;
      this.#ids.add(outbound.id);
    }
    this.ledger.take(outbound);
    applyChange(this.rows, toChange(outbound.record));
  }
}

/** What a store is asked to make durable at once. */
interface StoreWrite {
  readonly session: number;
  readonly records: readonly OutboundRecord[];
  readonly from: Checkpoint;
  readonly to: Checkpoint;
}

class SimulatedSink implements Sink {
  readonly capabilities: SinkCapabilities;
  readonly #store: SimulatedStore;
  readonly #owner: SimulatedProcess;
  #session: number;
  /** Records of a transaction that goes on in the next batch, and where it began. */
  #open: OutboundRecord[] = [];
  #openFrom: Checkpoint | undefined;

  constructor(store: SimulatedStore, owner: SimulatedProcess) {
    this.#store = store;
    this.#owner = owner;
    this.capabilities = capabilitiesOf[store.kind];
    this.#session = this.#takeOver();
  }

  async readCheckpoint(): Promise<Checkpoint | undefined> {
    await this.#owner.step(`${this.#store.kind} checkpoint`);
    if (this.#store.scheduler.chance(this.#store.faults.refuseChance)) throw unreachableStore();
    this.#session = this.#takeOver();
    return this.#store.checkpoint;
  }

  async write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    const { scheduler, faults, kind, process } = this.#store;
    await this.#owner.step(`write to ${kind}`);
    signal.throwIfAborted();
    if (scheduler.chance(faults.refuseChance)) {
      this.#forget();
      throw unreachableStore();
    }
    if (batch.records.some((record) => this.#store.refuses(record))) {
      this.#forget();
      throw new HeadwaterError('HW-SINK-007', 'the simulated store refuses a record');
    }
    this.#openFrom ??= batch.from;
    this.#open.push(...batch.records);
    if (this.capabilities.unit === 'transaction' && !batch.endsTransaction) return;
    const write = { session: this.#session, records: this.#open, from: this.#openFrom, to: batch.to };
    this.#forget();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const isLost = scheduler.chance(faults.lostReplyChance);
    process.schedule('apply', this.#delay(), () => {
      const outcome = this.#store.apply(write);
      scheduler.record(`${kind} ${outcome} ${write.to.sequence}+${write.to.recordCount}`);
      if (isLost) return;
      this.#owner.schedule(`reply of ${kind}`, this.#delay(), () =>
        outcome === 'done' ? resolve() : reject(unreachableStore()),
      );
    });
    if (isLost) {
      const late = new HeadwaterError('HW-SINK-004', 'the simulated store has not answered');
      this.#owner.schedule(`no reply of ${kind}`, this.#delay(), () => reject(late));
    }
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owner.step(`close ${this.#store.kind}`);
  }

  #takeOver(): number {
    this.#forget();
    this.#store.session += 1;
    return this.#store.session;
  }

  #forget(): void {
    this.#open = [];
    this.#openFrom = undefined;
  }

  #delay(): number {
    const { scheduler, faults } = this.#store;
    return scheduler.chance(faults.slowChance) ? scheduler.between(1, 80) : 0;
  }
}

function unreachableStore(): HeadwaterError {
  return new HeadwaterError('HW-SINK-001', 'the simulated store is away');
}
