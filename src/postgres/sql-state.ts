/** As in https://www.postgresql.org/docs/18/errcodes-appendix.html: codes of the system, like EPIPE, are none. */
const sqlStatePattern = /^(?:\d[\dA-Z]|F0|HV|P0|XX)[\dA-Z]{3}$/;
const causeDepthMax = 8;

/**
 * The SQLSTATE of an error or of the nearest of its causes: query builders and other libraries wrap what the driver threw. Prisma has
 * codes of its own and keeps PostgreSQL's below them.
 */
export function sqlStateOf(thrown: unknown): string | undefined {
  let error = thrown;
  for (let depth = 0; depth < causeDepthMax && error instanceof Error; depth += 1) {
    for (const path of [['code'], ['meta', 'driverAdapterError', 'cause', 'originalCode']]) {
      const code = readPath(error, path);
      if (typeof code === 'string' && sqlStatePattern.test(code)) return code;
    }
    error = error.cause;
  }
  return undefined;
}

function readPath(from: object, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined),
    from,
  );
}

/** A serialization failure or a deadlock: the same work may succeed in a new transaction. */
export function isConflict(thrown: unknown): boolean {
  const state = sqlStateOf(thrown);
  return state === '40001' || state === '40P01';
}

/**
 * Whether the error of a COMMIT says by itself that nothing was committed: a constraint or a conflict, which are found before
 * the commit record is written. Any other may have come behind it.
 */
export function isDefiniteRefusal(thrown: unknown): boolean {
  const state = sqlStateOf(thrown);
  return state !== undefined && /^(?:23|40)/.test(state) && state !== '40003';
}
