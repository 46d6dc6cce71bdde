import { HeadwaterError } from '../../foundation/error.ts';

/** What of `AsyncLocalStorage` is used. */
interface Ambient {
  run<Result>(unit: Unit, work: () => Result): Result;
  getStore(): Unit | undefined;
}

interface Unit {
  readonly database: object;
  /** What was begun inside a unit keeps it for good: a pool, a worker, a timer. */
  isOver: boolean;
}

/**
 * Follows a unit of work through everything that its callback awaits. Node and what is compatible with it have the means, and this
 * file may not import them: it loads at the edge as well. Where they are missing, a second unit inside a first is not noticed.
 */
const ambient: Ambient | undefined = findAmbient();

function findAmbient(): Ambient | undefined {
  const hooks = globalThis.process?.getBuiltinModule?.('node:async_hooks');
  return hooks === undefined ? undefined : new hooks.AsyncLocalStorage<Unit>();
}

/** Runs the callback of a unit of work. */
export async function runUnit<Result>(database: object, work: () => Promise<Result>): Promise<Result> {
  if (ambient === undefined) return work();
  const unit: Unit = { database, isOver: false };
  try {
    return await ambient.run(unit, work);
  } finally {
    unit.isOver = true;
  }
}

/** One store for each unit of work, and one transaction of it. @throws HW-TRANSACT-008 inside the callback of another one */
export function assertNoUnit(database: object): void {
  const unit = ambient?.getStore();
  if (unit === undefined || unit.isOver) return;
  const isSame = unit.database === database;
  throw new HeadwaterError(
    'HW-TRANSACT-008',
    isSame
      ? 'transact was called inside the callback of transact, on the same database: the inner transaction would commit apart from the outer one'
      : 'transact was called inside the callback of transact, on another database: a unit of work has one store. For a second one there ' +
          'are an event in this transaction (emit: eventual, at least once), a saga (partial states are visible, compensations to ' +
          'write) and an atomic commit (locks are held while a coordinator is away)',
    {
      details: { sameDatabase: isSame },
      ...(isSame ? { hint: 'Pass tx on, or begin the second unit behind the first.' } : {}),
    },
  );
}
