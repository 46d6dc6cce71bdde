import { systemClock } from '../../foundation/clock.ts';
import { systemRandom } from '../../foundation/random.ts';
import { retry, type RetryPolicy } from '../../foundation/retry.ts';
import { type AnsweredRequest, runCustomers } from './customers.ts';
import { type CommittedStep, countDamage, formatStep } from './damage.ts';
import { type ActNumber, type ActReport, type Kill, orderPrefix } from './demo-report.ts';
import type { DemoObserver } from './demo-observer.ts';
import type { DemoPlan } from './demo-plan.ts';
import type { DemoStage } from './demo-stage.ts';
import { type Span, summarizeOutage } from './outage-report.ts';
import type { SupervisedProgram } from './supervised-program.ts';

/** One act: who serves the customers, and what happens meanwhile. */
export interface ActOptions {
  readonly act: ActNumber;
  readonly plan: DemoPlan;
  readonly stage: DemoStage;
  readonly observer: DemoObserver;
  readonly signal: AbortSignal;
}

/** How long the stores may take to catch up once the last customer has gone. What is missing then is lost. */
const CATCH_UP_LIMIT_MS = 30_000;
const CATCH_UP_POLL_MS = 50;
const LIVE_COUNT_MS = 300;
const askPolicy: RetryPolicy = { initialDelayMs: 100, maxDelayMs: 500, maxAttempts: 60 };

/**
 * Runs one act and then asks every store what it holds. The timetable counts from one start, so that acts 1 and 2 have the
 * same arrivals, the same kills of the order service and the same cuts.
 */
export async function runAct(options: ActOptions): Promise<ActReport> {
  const { act, stage } = options;
  await Promise.all([
    stage.startOrderService(act === 1 ? 'naive' : 'emitting'),
    ...(act === 1 ? [] : [stage.startHeadwater()]),
  ]);
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  try {
    const programs = [stage.orderService, stage.receiver, stage.headwater];
    const counting = countLive({ ...options, signal });
    return await Promise.race([playAct({ ...options, signal }), counting, ...programs.map(({ failed }) => failed)]);
  } finally {
    ended.abort();
  }
}

/** Asks the stores a few times a second, for an observer that wants to know. Never resolves. */
async function countLive({ act, observer, signal, stage }: ActOptions): Promise<never> {
  for (;;) {
    await systemClock.sleep(LIVE_COUNT_MS, signal);
    if (observer.counted === undefined) continue;
    const committed = await stage.databases.readCommitted(orderPrefix(act));
    const effects = await Promise.all(
      stage.stores.map(async ({ name, readEffects }) => {
        const found = await readEffects(orderPrefix(act)).catch(() => undefined);
        return [name, found?.length] as const;
      }),
    );
    observer.counted({ committed: committed.length, effects: Object.fromEntries(effects) });
  }
}

/** What happened outside the stores, for people. The stores are asked afterwards. */
interface PlayedAct {
  readonly kills: readonly Kill[];
  readonly answers: readonly AnsweredRequest[];
  readonly failedRequestCount: number;
  /** Of the stores, in the monotonic clock; only in act 3. */
  readonly outage: StoreOutage | undefined;
}

interface StoreOutage extends Span {
  /** When every store had everything that was committed up to the end. */
  readonly caughtUpMs: number;
}

async function playAct(options: ActOptions): Promise<ActReport> {
  const { act, plan, stage } = options;
  const startMs = systemClock.monotonicMs();
  const timetable: Timetable = {
    ...options,
    kills: [],
    at: (timeMs) => systemClock.sleep(Math.max(0, startMs + timeMs - systemClock.monotonicMs()), options.signal),
  };
  const [customers, outage] = await Promise.all([
    serveCustomers(options),
    act === 3 ? breakStores(timetable) : undefined,
    act === 3 ? undefined : killRepeatedly(timetable, stage.orderService, plan.orderServiceKillsMs),
    act === 3 ? undefined : cutReceiver(timetable),
    act === 2 ? killRepeatedly(timetable, stage.headwater, plan.headwaterKillsMs) : undefined,
  ]);
  return finishAct(options, { ...customers, outage, kills: timetable.kills });
}

async function serveCustomers(options: ActOptions): Promise<Pick<PlayedAct, 'answers' | 'failedRequestCount'>> {
  const { act, plan, stage, signal } = options;
  const answers: AnsweredRequest[] = [];
  let failedRequestCount = 0;
  await runCustomers({
    orderServicePort: stage.orderServicePort,
    customers: plan.customers,
    orderId: (customer) => `${orderPrefix(act)}${String(customer.number).padStart(4, '0')}`,
    seed: plan.seed,
    signal,
    onAnswer: (answer) => answers.push(answer),
    onFailure: () => {
      failedRequestCount += 1;
    },
  });
  return { answers, failedRequestCount };
}

interface Timetable extends ActOptions {
  readonly kills: Kill[];
  /** Waits for a time of the act. */
  readonly at: (timeMs: number) => Promise<void>;
}

async function killRepeatedly(
  timetable: Timetable,
  program: SupervisedProgram,
  timesMs: readonly number[],
): Promise<void> {
  for (const timeMs of timesMs) {
    await timetable.at(timeMs);
    const pid = await program.killAndLaunch();
    timetable.kills.push({ program: program.name, atMs: timeMs });
    timetable.observer.happened('kill', `SIGKILL ${program.name} (pid ${pid}), started again at once`);
  }
}

async function cutReceiver({ at, observer, plan, stage }: Timetable): Promise<void> {
  for (const { atMs, durationMs } of plan.receiverCuts) {
    await at(atMs);
    stage.receiver.tell(`cut ${durationMs}`);
    observer.happened('cut', `network to the receiver broken for ${durationMs} ms`);
  }
}

/** The receiver is killed and the reports let nobody in; later both come back, and have to catch up. */
async function breakStores(timetable: Timetable): Promise<StoreOutage> {
  const { at, observer, plan, stage } = timetable;
  const { atMs, durationMs } = plan.storeOutage;
  await at(atMs);
  await Promise.all([stage.receiver.kill(), stage.databases.closeReports()]);
  const beginMs = systemClock.monotonicMs();
  observer.happened('cut', `receiver stopped, reports closed, both for ${durationMs} ms`);
  await at(atMs + durationMs);
  const missed = await stage.databases.readCommitted(orderPrefix(timetable.act));
  const endMs = systemClock.monotonicMs();
  stage.receiver.launch();
  await stage.databases.openReports();
  observer.happened('step', 'receiver and reports are back');
  await waitForStores(timetable, missed);
  const caughtUpMs = systemClock.monotonicMs();
  observer.happened('step', `both have caught up, ${Math.round(caughtUpMs - endMs)} ms later`);
  return { beginMs, endMs, caughtUpMs };
}

/** Lets everything that is under way come to its end, then asks the primary and every store. */
async function finishAct(options: ActOptions, played: PlayedAct): Promise<ActReport> {
  const { act, stage, signal } = options;
  const prefix = orderPrefix(act);
  await Promise.all([stage.orderService, stage.receiver, stage.headwater].map((one) => one.waitUntilReady(signal)));
  await stage.orderService.stop();
  const committed = await stage.databases.readCommitted(prefix);
  if (act !== 1) await waitForStores(options, committed);
  // Whatever Headwater would deliver a second time, it does before it ends.
  await stage.headwater.stop();
  const stores = await Promise.all(
    stage.stores.map(async ({ name, readEffects }) => {
      return [name, countDamage(committed, await askPatiently(() => readEffects(prefix), signal))] as const;
    }),
  );
  return {
    act,
    committed: committed.map(formatStep),
    stores: Object.fromEntries(stores),
    kills: played.kills,
    repetitions: await askPatiently(() => stage.countRepetitions(prefix), signal),
    requests: { answered: played.answers.length, failed: played.failedRequestCount },
    ...(played.outage === undefined ? {} : { outage: summarizeOutage(played.outage, played.answers) }),
  };
}

/** Resolves when every store has all of these steps, or when waiting any longer is given up and the count will tell. */
async function waitForStores(
  { act, observer, signal, stage }: ActOptions,
  steps: readonly CommittedStep[],
): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + CATCH_UP_LIMIT_MS;
  for (const { name, readEffects } of stage.stores) {
    const countMissing = async (): Promise<number> => {
      const effects = await askPatiently(() => readEffects(orderPrefix(act)), signal);
      return countDamage(steps, effects).lost;
    };
    while ((await countMissing()) > 0) {
      if (systemClock.monotonicMs() > deadlineMs) {
        observer.happened('cut', `${name} has not caught up in ${CATCH_UP_LIMIT_MS} ms; ${await stage.explainLanes()}`);
        break;
      }
      await systemClock.sleep(CATCH_UP_POLL_MS, signal);
    }
  }
}

/** A store may still be cut off, or on its way back. */
function askPatiently<Answer>(ask: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  return retry(ask, { policy: askPolicy, clock: systemClock, random: systemRandom, signal });
}
