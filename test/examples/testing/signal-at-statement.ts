/**
 * Loaded in front of a program (`node --import`): sends the process a signal at a statement of its own, as told over IPC. Statements
 * are counted from that message on.
 */
import pg from 'pg';

/** Where the signal comes. */
export interface SignalPlan {
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  /** 1: the first statement that is counted. */
  readonly statement: number;
  /** Counts only statements with this text. Default: all but those of the completer. */
  readonly text?: string;
  /** In front of it, or when it is on its way. */
  readonly when: 'before' | 'sent';
}

let plan: SignalPlan | undefined;
let count = 0;
process.on('message', (message) => {
  plan = message as SignalPlan;
  count = 0;
  process.send?.('armed');
});

const prototype = pg.Client.prototype as unknown as { query: (...args: readonly unknown[]) => unknown };
const send = prototype.query;
prototype.query = function query(...args) {
  const text = String(args[0]);
  const isCounted = plan?.text === undefined ? !/ limit \$\d/.test(text) : text.includes(plan.text);
  if (isCounted) count += 1;
  const isDue = isCounted && plan?.statement === count;
  if (isDue && plan?.when === 'before') process.kill(process.pid, plan.signal);
  const result = Reflect.apply(send, this, args);
  if (isDue && plan?.when === 'sent') {
    const { signal } = plan;
    // The driver writes at the end of this turn.
    setImmediate(() => process.kill(process.pid, signal));
  }
  return result;
};
