import { HeadwaterError } from '../../foundation/error.ts';
import type { TransactionHandle } from '../../postgres/transaction-handle.ts';
import { watchUnit } from '../guard/watched-unit.ts';
import type { Lease, StoredStep } from './key-store.ts';
import { leaseLost } from './lease-keeper.ts';
import type { PhasedRun, RunContext } from './operation.ts';

/** How steps are done and kept. */
export interface StepTools {
  renew(): Promise<boolean>;
  /** `place`: how many steps are done before it. */
  addStep(step: StoredStep, place: number, handle?: TransactionHandle): Promise<boolean>;
  inTransaction<Result>(work: (tx: unknown, handle: TransactionHandle) => Promise<Result>): Promise<Result>;
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
  const done = [...lease.steps];
  const used = new Set<string>();
  let isBusy = false;

  const step = async (kind: StoredStep['kind'], name: string, act: () => Promise<unknown>): Promise<unknown> => {
    assertStep(name, { isBusy, isUsed: used.has(name) });
    const stored = done[used.size];
    used.add(name);
    if (stored !== undefined) return readStored(stored, { kind, name });
    isBusy = true;
    try {
      return await act();
    } finally {
      isBusy = false;
    }
  };
  const run: PhasedRun<unknown, unknown> = {
    ...context,
    phase: (name, work) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a step gives is what its own code made, through JSON.
      step('phase', name, () =>
        tools.inTransaction(async (tx, handle) => {
          const unit = { kind: 'idempotency', name: `${lease.scopedKey.operation}: ${name}` } as const;
          const result = toResult(await watchUnit(unit, () => work(tx)));
          if (!(await tools.addStep({ name, kind: 'phase', ...result }, used.size - 1, handle))) throw leaseLost();
          return fromResult(result);
        }),
      ) as ReturnType<typeof work>,
    call: (name, work) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above.
      step('call', name, async () => {
        // A holder that comes late is stopped before it calls; one that is late during the call is made harmless by the key. And the
        // key is on disk by this commit, so that a crash of the database does not forget what the provider is going to know.
        if (!(await tools.renew())) throw leaseLost();
        const result = toResult(await work(`${lease.runId}:${name}`, context.signal));
        if (!(await tools.addStep({ name, kind: 'call', ...result }, used.size - 1))) throw leaseLost();
        return fromResult(result);
      }) as ReturnType<typeof work>,
  };
  return {
    run,
    assertComplete() {
      if (used.size < done.length) throw stepsChanged(done[used.size]?.name ?? '', 'the end');
    },
  };
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
