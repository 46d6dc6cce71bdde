import { HeadwaterError } from '../../foundation/error.ts';
import type { TransactionHandle } from '../../postgres/transaction-handle.ts';
import type { Clock } from '../../foundation/clock.ts';
import type { Effect } from '../effect/effect.ts';
import { watchUnit } from '../guard/watched-unit.ts';
import { runEffectStep } from './effect-step.ts';
import type { Lease, StoredStep } from './key-store.ts';
import { leaseLost } from './lease-keeper.ts';
import type { PhasedRun, RunContext } from './operation.ts';

/** How steps are done and kept. */
export interface StepTools {
  readonly clock: Clock;
  renew(): Promise<boolean>;
  /** `place`: how many are stored before it. */
  addStep(step: StoredStep, place: number, handle?: TransactionHandle): Promise<boolean>;
  /** `place`: how many steps are stored before the one that `work` adds. */
  inTransaction<Result>(
    place: number,
    work: (tx: unknown, handle: TransactionHandle) => Promise<Result>,
  ): Promise<Result>;
}

/** A run that gives stored results first and does what is left then. */
export interface ResumedRun {
  readonly run: PhasedRun<unknown, unknown>;
  /** @throws HW-IDEMPOTENCY-009 when steps that are done were not asked for. */
  assertComplete(): void;
}

/** Length of a step's name, at most: it is part of the key that a provider gets. */
const nameLengthMax = 63;

/** Walks through the steps that are done, in their order, and appends to them. */
export function createPhasedRun(lease: Lease, context: RunContext<unknown>, tools: StepTools): ResumedRun {
  const done = withoutBegun(lease.steps);
  const used = new Set<string>();
  let isBusy = false;

  const step = async (
    { kind, name, mayBeBegun = false }: Pick<StoredStep, 'kind' | 'name'> & { readonly mayBeBegun?: boolean },
    act: (isBegun: boolean) => Promise<unknown>,
  ): Promise<unknown> => {
    assertStep(name, { isBusy, isUsed: used.has(name) });
    const stored = done[used.size];
    const isBegun = mayBeBegun && stored?.kind === 'begun' && stored.name === name;
    used.add(name);
    if (stored !== undefined && !isBegun) return readStored(stored, { kind, name });
    isBusy = true;
    try {
      return await act(isBegun);
    } finally {
      isBusy = false;
    }
  };
  const { addCall, addPhase, begin, keyOf, renew } = lendFenced(lease, tools);
  const run: PhasedRun<unknown, unknown> = {
    ...context,
    phase: (name, work) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a step gives is what its own code made, through JSON.
      step({ kind: 'phase', name }, () =>
        addPhase(name, async (tx) => {
          const unit = { kind: 'idempotency', name: `${lease.scopedKey.operation}: ${name}` } as const;
          return watchUnit(unit, () => work(tx));
        }),
      ) as ReturnType<typeof work>,
    call: (name, work) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above.
      step({ kind: 'call', name }, async () => {
        // A holder that comes late is stopped before it calls; one that is late during the call is made harmless by the key. And the
        // key is on disk by this commit, so that a crash of the database does not forget what the provider is going to know.
        await renew();
        return addCall(name, await work(keyOf(name), context.signal));
      }) as ReturnType<typeof work>,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the result of an effect is what its declaration says
    effect: ((declared: Effect<unknown, unknown>, input: unknown) => {
      const { kind, name } = declared;
      return step({ kind: 'call', name, mayBeBegun: kind !== 'keyed' }, async (isBegun) => {
        const { signal } = context;
        const lent = { key: keyOf(name), signal, clock: tools.clock, isBegun, renew, begin: () => begin(name) };
        return addCall(name, await runEffectStep(declared, input, lent));
      });
    }) as PhasedRun<unknown, unknown>['effect'],
  };
  return {
    run,
    assertComplete() {
      if (used.size < done.length) throw stepsChanged(done[used.size]?.name ?? '', 'the end');
    },
  };
}

/** What is written about steps, fenced by the lease and by the place of each. */
interface Fenced {
  readonly keyOf: (name: string) => string;
  readonly renew: () => Promise<void>;
  readonly begin: (name: string) => Promise<void>;
  /** Does local work, and stores its result in the same commit. */
  readonly addPhase: (name: string, work: (tx: unknown) => Promise<unknown>) => Promise<unknown>;
  /** Stores the result of a call, and gives it as every later attempt gets it. */
  readonly addCall: (name: string, value: unknown) => Promise<unknown>;
}

function lendFenced(lease: Lease, tools: StepTools): Fenced {
  let place = lease.steps.length;
  const held = (isHeld: boolean): void => {
    if (!isHeld) throw leaseLost();
  };
  const add = async (step: StoredStep): Promise<void> => {
    held(await tools.addStep(step, place));
    place += 1;
  };
  return {
    keyOf: (name) => `${lease.runId}:${name}`,
    renew: async () => held(await tools.renew()),
    begin: (name) => add({ name, kind: 'begun' }),
    addPhase: async (name, work) => {
      const result = await tools.inTransaction(place, async (tx, handle) => {
        const made = toResult(await work(tx));
        held(await tools.addStep({ name, kind: 'phase', ...made }, place, handle));
        return made;
      });
      place += 1;
      return fromResult(result);
    },
    addCall: async (name, value) => {
      const result = toResult(value);
      await add({ name, kind: 'call', ...result });
      return fromResult(result);
    },
  };
}

/** A step that was begun and is done counts once. */
function withoutBegun(steps: readonly StoredStep[]): readonly StoredStep[] {
  return steps.filter(({ kind, name }, index) => kind !== 'begun' || steps[index + 1]?.name !== name);
}

function assertStep(name: string, { isBusy, isUsed }: { readonly isBusy: boolean; readonly isUsed: boolean }): void {
  if (isBusy) throw invalidStep(`step "${name}" was begun while another one is under way`);
  if (isUsed) throw invalidStep(`step "${name}" was used twice in one run`);
  if (name.length === 0 || name.length > nameLengthMax || !/^[\x21-\x7e]+$/.test(name)) {
    throw invalidStep(`the name of a step has 1 to ${nameLengthMax} visible characters`);
  }
}

function readStored(stored: StoredStep, { kind, name }: Pick<StoredStep, 'kind' | 'name'>): unknown {
  if (stored.name !== name || stored.kind !== kind) throw stepsChanged(stored.name, name);
  return fromResult(stored);
}

type StepResult = Pick<StoredStep, 'result'>;

/** JSON has no `undefined`: then there is no result. */
function toResult(value: unknown): StepResult {
  const result: string | undefined = JSON.stringify(value);
  return result === undefined ? {} : { result };
}

/** The same at the first run as at every later one. */
function fromResult({ result }: StepResult): unknown {
  return result === undefined ? undefined : JSON.parse(result);
}

function stepsChanged(stored: string, asked: string): HeadwaterError {
  const message = `step "${stored}" is done under this key, and the operation comes to "${asked}" instead`;
  return new HeadwaterError('HW-IDEMPOTENCY-009', message, { details: { stored, asked } });
}

function invalidStep(message: string): HeadwaterError {
  return new HeadwaterError('HW-IDEMPOTENCY-014', message);
}
