import { createSeededRandom } from '../../src/foundation/random.ts';
import { unreachable } from '../../src/foundation/assert.ts';
import { type DiskCall, type DiskFault, MeanDisk } from '../../src/foundation/testing/mean-disk.ts';
import { placeText } from '../../src/delivery/parking/parked-record.ts';
import { MemoryState } from '../../src/journal/embedded/testing/memory-state-store.ts';
import { verifyJournal } from '../../src/journal/embedded/verify-journal.ts';
import { Oracle } from './oracle.ts';
import { StoreLedger } from './store-ledger.ts';
import type { CrashPoints } from './crash-points.ts';
import { type LifeEnd, planRun, planScenario, type RunPlan, type ServerFault } from './run-plan.ts';
import { Scheduler, settle } from './scheduler.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulatedApplication } from './simulated-application.ts';
import type { SimulatedChange } from './simulated-change.ts';
import { SimulatedHeadwater } from './simulated-headwater.ts';
import { SimulatedServer } from './simulated-server.ts';
import { SimulatedStore, type StoreFaults, type StoreKind } from './simulated-sink.ts';

/** What a run came to. */
export interface RunResult {
  readonly seed: number;
  /** Empty when every promise held. */
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly stepCount: number;
  /** Calls of the last life's disk that change something. */
  readonly diskCallCount: number;
  readonly storeKinds: readonly StoreKind[];
  /** Lives that ended, in the order of their ends. */
  readonly ends: readonly string[];
  /** For people: what the code warned of, and the last steps. */
  readonly story: readonly string[];
}

/** More than any healthy run takes, by far. */
const stepCountMax = 40_000;

/**
 * One run: an application commits, Headwater takes it to two stores, and everything fails as the seed wants it, several
 * lives long. In the last life the faults cease, and without another start it must bring everything to its end.
 */
export async function simulate(seed: number): Promise<RunResult> {
  const run = new Run(seed, planRun);
  await run.live();
  return run.result();
}

/**
 * A short run of one life, from the first start to the end of a stop. When `points` wants a crash, it is that life's only
 * one; then something more commits, and another life must bring everything to its end.
 */
export async function simulateScenario(seed: number, points: CrashPoints): Promise<RunResult> {
  const run = new Run(seed, planScenario, points);
  await run.live();
  return run.result();
}

class Run {
  readonly #seed: number;
  readonly #points: CrashPoints | undefined;
  readonly #scheduler: Scheduler;
  readonly #plan: RunPlan;
  readonly #server: SimulatedServer;
  readonly #application: SimulatedApplication;
  readonly #oracle: Oracle;
  readonly #stores: readonly SimulatedStore[];
  readonly #storeFaults: StoreFaults;
  readonly #state = new MemoryState();
  readonly #ends: string[] = [];
  readonly #story: string[] = [];
  #disk: MeanDisk;
  #process: SimulatedProcess;
  #headwater: SimulatedHeadwater | undefined;
  #isCalm = false;
  #diskErrorCount = 0;
  #crash: LifeEnd | undefined;
  #immediateCallCount = 0;

  constructor(seed: number, plan: (scheduler: Scheduler) => RunPlan, points?: CrashPoints) {
    this.#seed = seed;
    this.#points = points;
    this.#scheduler = new Scheduler(createSeededRandom(seed));
    this.#plan = plan(this.#scheduler);
    this.#server = new SimulatedServer(this.#scheduler, this.#plan.server);
    this.#application = new SimulatedApplication(this.#server, this.#plan);
    this.#oracle = new Oracle(this.#server);
    const chance = this.#plan.storeFaultChance;
    this.#storeFaults = {
      refuseChance: chance,
      lostReplyChance: chance,
      slowChance: chance,
      poisonChance: this.#plan.poisonChance,
    };
    this.#stores = this.#plan.storeKinds.map((kind) => this.#createStore(kind));
    this.#process = this.#scheduler.createProcess('headwater 0');
    this.#disk = new MeanDisk({ random: this.#scheduler.random, pause: () => this.#process.step('disk') });
  }

  async live(): Promise<void> {
    for (const { kind, afterMs } of this.#plan.serverFaults) {
      this.#server.process.schedule(kind, afterMs, () => this.#strikeServer(kind));
    }
    for (const { end, stepCount } of this.#plan.lives) {
      await this.#liveOnce(end, stepCount);
      if (this.#isOver) return;
    }
    await this.#liveToTheEnd();
    if (this.#crash !== undefined && !this.#isOver) {
      this.#endLife(this.#crash);
      this.#crash = undefined;
      // Or a crash behind the last record would leave nothing to do.
      if (this.#server.slot !== undefined) this.#server.commitNow([afterTheCrash]);
      await this.#liveToTheEnd();
    }
    if (!this.#isOver) await this.#checkEnd();
  }

  result(): RunResult {
    return {
      seed: this.#seed,
      violations: this.#oracle.violations,
      traceHash: this.#scheduler.traceHash(),
      stepCount: this.#scheduler.stepCount,
      diskCallCount: this.#disk.callNumber,
      storeKinds: this.#plan.storeKinds,
      ends: this.#ends,
      story: [...this.#story, ...(this.#headwater?.log ?? []), ...this.#scheduler.lastLines(40)],
    };
  }

  get #isOver(): boolean {
    return this.#oracle.violations.length > 0;
  }

  #createStore(kind: SimulatedStore['kind']): SimulatedStore {
    const filtersEvents = this.#plan.headwater.filtersEvents && kind === 'mirror';
    const ledger = new StoreLedger({
      oracle: this.#oracle,
      server: this.#server,
      name: kind,
      order: kind === 'handler' || (kind !== 'mirror' && this.#plan.poisonChance > 0) ? 'per-key' : 'total',
      isWanted: (change: SimulatedChange) => !filtersEvents || change.kind !== 'event',
      isParked: (place) => this.#state.peek('parked', `${kind}/${placeText(place)}`) !== undefined,
    });
    return new SimulatedStore({ kind, ledger, scheduler: this.#scheduler, faults: this.#storeFaults });
  }

  #begin(): SimulatedHeadwater {
    this.#process = this.#scheduler.createProcess(`headwater ${this.#ends.length + 1}`);
    this.#diskErrorCount = 0;
    const headwater = new SimulatedHeadwater({
      process: this.#process,
      disk: this.#disk,
      state: this.#state,
      server: this.#server,
      stores: this.#stores,
      oracle: this.#oracle,
      random: this.#scheduler.random,
      profile: this.#plan.headwater,
      beforeCall: (label) => this.#mayCrashBefore(label),
    });
    this.#headwater = headwater;
    headwater.start();
    this.#mayCrashAwaiting('before the first step');
    return headwater;
  }

  async #liveOnce(end: LifeEnd, stepCount: number): Promise<void> {
    const crashCall = this.#disk.callNumber + 1 + Math.floor(stepCount / 4);
    this.#disk.setFault((call) => this.#chooseDiskFault(call, end === 'power-cut-in-call' ? crashCall : undefined));
    const headwater = this.#begin();
    for (let step = 0; step < stepCount && !this.#disk.isCrashed; step += 1) {
      await this.#step();
      if (this.#isOver || this.#hasEndedByItself(headwater)) break;
    }
    if (this.#isOver) return;
    if (end === 'stop' && headwater.failure === undefined) {
      headwater.stop();
      await settle();
      // Whoever stops it does not wait for ever.
      for (let step = 0; step < 2000 && !headwater.isStopped; step += 1) {
        await this.#step();
        if (this.#isOver || this.#hasEndedByItself(headwater)) break;
      }
    }
    this.#endLife(end);
  }

  async #liveToTheEnd(): Promise<void> {
    this.#disk.setFault((call) => this.#mayCrashInCall(call));
    const headwater = this.#begin();
    const calmAt = this.#scheduler.stepCount + this.#plan.lastFaultsStepCount;
    while (!this.#isEverythingDelivered && !this.#isOver && this.#crash === undefined) {
      if (!this.#isCalm && this.#scheduler.stepCount >= calmAt) this.#calmDown();
      if (this.#scheduler.stepCount > stepCountMax) {
        this.#oracle.violate(`without faults it comes to no end: ${this.#describeProgress()}`);
        return;
      }
      await this.#step();
      if (this.#hasEndedByItself(headwater)) this.#oracle.violate('it ended without a fault');
    }
    if (this.#crash !== undefined) return;
    headwater.stop();
    await settle();
    for (let step = 0; step < 5000 && !headwater.isStopped && !this.#isOver && this.#crash === undefined; step += 1) {
      await this.#step();
      this.#hasEndedByItself(headwater);
    }
    if (!headwater.isStopped && this.#crash === undefined) this.#oracle.violate('it did not stop');
  }

  async #step(): Promise<void> {
    if (this.#server.slot !== undefined) this.#application.start();
    this.#operate();
    const step = await this.#scheduler.advance();
    if (step === undefined) this.#oracle.violate('nothing moves any more');
    else this.#mayCrashAwaiting(`behind step ${step}`);
  }

  /** Whoever operates it: mends stores, and has parked records tried again or given up. */
  #operate(): void {
    const headwater = this.#headwater;
    if (this.#plan.poisonChance === 0 || headwater === undefined || this.#scheduler.stepCount % 40 !== 0) return;
    if (this.#scheduler.chance(0.5)) for (const store of this.#stores) store.mend();
    headwater.workOffParked(this.#scheduler);
  }

  /** Everything in the process waits. */
  #mayCrashAwaiting(description: string): void {
    this.#crash ??= this.#points?.pass('await', description, ['kill', 'power-cut']);
  }

  /** In the middle of what the code does between two awaits: it does not go on from there, so the call is not made. */
  #mayCrashBefore(call: string): void {
    const description = `call ${(this.#immediateCallCount += 1)} without an await, ${call}`;
    if (this.#points?.pass('immediate-call', description, ['kill']) === undefined) return;
    this.#crash = 'kill';
    this.#process.kill();
  }

  #mayCrashInCall({ kind, number }: DiskCall): DiskFault {
    const description = `call ${number} of the disk, ${kind}`;
    const when = this.#points?.pass('disk-call', description, ['before', 'during', 'after']);
    if (when === undefined) return { kind: 'none' };
    this.#crash = 'power-cut-in-call';
    this.#process.kill();
    return { kind: 'crash', when };
  }

  /** An error ends a life early if the disk gave reason for it; else it is a failure of the code. */
  #hasEndedByItself(headwater: SimulatedHeadwater): boolean {
    if (headwater.failure === undefined) return headwater.isStopped;
    if (this.#diskErrorCount === 0) this.#oracle.violate(`it failed: ${describeError(headwater.failure)}`);
    return true;
  }

  #endLife(end: LifeEnd): void {
    this.#headwater?.sessions.abandon();
    this.#process.kill();
    this.#state.free();
    const isPowerLost = end === 'power-cut' || end === 'power-cut-in-call';
    const pause = (): Promise<void> => this.#process.step('disk');
    this.#disk = isPowerLost ? this.#disk.afterPowerCut({ pause }) : this.#disk.afterKill({ pause });
    this.#ends.push(end);
    this.#story.push(...(this.#headwater?.log ?? []), `--- ${end} after step ${this.#scheduler.stepCount}`);
  }

  #chooseDiskFault({ kind, number }: DiskCall, crashCall: number | undefined): DiskFault {
    if (number === crashCall) return { kind: 'crash', when: this.#scheduler.chance(0.5) ? 'during' : 'after' };
    if (this.#isCalm || !this.#scheduler.chance(this.#plan.diskErrorChance)) return { kind: 'none' };
    this.#diskErrorCount += 1;
    this.#scheduler.record(`the disk fails at ${kind}`);
    return { kind: 'error', code: kind === 'flush' ? 'EIO' : 'ENOSPC' };
  }

  #strikeServer(kind: ServerFault): void {
    if (this.#isCalm) return;
    switch (kind) {
      case 'crash':
        this.#application.abortAll();
        this.#server.crash();
        return;
      case 'cut':
        this.#server.cutConnections();
        return;
      case 'hang':
        this.#server.hangConnections();
        return;
      case 'checkpoint':
        this.#server.checkpoint();
        return;
      case 'other-writes':
        this.#server.write();
        return;
      default:
        unreachable(kind);
    }
  }

  #calmDown(): void {
    this.#isCalm = true;
    this.#storeFaults.refuseChance = 0;
    this.#storeFaults.lostReplyChance = 0;
  }

  get #isEverythingDelivered(): boolean {
    const last = this.#server.delivered.at(-1);
    if (this.#server.slot === undefined || !this.#application.isDone) return false;
    return (
      this.#stores.every(({ ledger }) => ledger.isComplete) &&
      this.#headwater?.hasParked === false &&
      (last === undefined || this.#server.slot.confirmedLsn >= last.endLsn)
    );
  }

  /** Stores hold what the database holds, and the journal every transaction once. */
  async #checkEnd(): Promise<void> {
    const wanted = describeRows(this.#server.rows);
    for (const { kind, rows, ledger } of this.#stores) {
      // What was given up is missing, and so is what an update would have made of it.
      if (ledger.hasDropped) continue;
      if (describeRows(rows) !== wanted) this.#oracle.violate(`${kind} ends as ${describeRows(rows)}, not ${wanted}`);
    }
    const found = await verifyJournal('/journal', { disk: this.#disk.afterKill({ pause: async () => {} }) });
    if (found.problem !== undefined) this.#oracle.violate(`the journal is damaged: ${found.problem.message}`);
  }

  #describeProgress(): string {
    const total = this.#oracle.expected().length;
    const stores = this.#stores.map(({ kind, ledger }) => `${kind} ${ledger.doneCount} of ${total}`).join(', ');
    return `${stores}, the slot stands at ${this.#server.slot?.confirmedLsn.toString(16) ?? 'nowhere'}`;
  }
}

const afterTheCrash: SimulatedChange = { kind: 'insert', id: 'z', row: { value: 'after the crash', big: null } };

function describeRows(rows: ReadonlyMap<string, unknown>): string {
  return JSON.stringify([...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** What went wrong in a run, and how to run it alone. */
export function describeViolations({ seed, violations, story }: RunResult, testFile: string): string {
  return [
    `seed ${seed}: ${violations.slice(0, 3).join('\n  and ')}`,
    `Alone: HEADWATER_SIMULATOR_SEED=${seed} npm test -- ${testFile}`,
    'What went before:',
    ...story.slice(-120),
  ].join('\n');
}

function describeError(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
