/** How deep a stack is looked at: clients and Node's own `fetch` put some twenty frames above the caller. */
const frameCountMax = 60;

/** The frames of the code that runs, without those above `below` and those of Node itself. Empty: a timer or an event has begun it. */
export function readCallStack(below: (...args: never) => unknown): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = frameCountMax;
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, below);
  Error.stackTraceLimit = limit;
  return selectFrames(holder.stack ?? '');
}

/** The frames of a stack that are not Node's own. */
export function selectFrames(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !uninteresting.test(line))
    .join('\n');
}

const uninteresting =
  /(?:\(|at |async )node:|\(<anonymous>\)|\/application\/guard\/(?:guard-transactions|watched-unit|node-sockets)\.[jt]s:/;
