import { systemClock } from '../../foundation/clock.ts';
import { runCustomers } from './customers.ts';
import type { DemoObserver } from './demo-observer.ts';
import { createDemoPlan, type DemoScale, demoScale } from './demo-plan.ts';
import { type ActReport, countKills, type DemoReport, isProven, orderPrefix } from './demo-report.ts';
import { type DemoStage, openDemoStage, type StageKafka } from './demo-stage.ts';
import { toSeconds } from './outage-report.ts';
import { runAct } from './run-act.ts';

/** What the command line says about a run. */
export interface DemoOptions {
  readonly seed: number;
  /** A PostgreSQL of the user's own; undefined starts a private one. */
  readonly serverUrl: string | undefined;
  readonly kafka: StageKafka | undefined;
  readonly observer: DemoObserver;
  /** When the outermost process started, in the monotonic clock. */
  readonly startedMs: number;
  readonly signal: AbortSignal;
  /** Default: what the command runs. */
  readonly scale?: DemoScale;
}

const FIRST_EVENT_POLL_MS = 5;

/**
 * Runs the three acts and reports what the stores said. Everything that was started has ended when this resolves or rejects.
 * @throws HW-DEMO codes, those of PostgreSQL's start, or `signal.reason`
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { observer, seed, signal } = options;
  const plan = createDemoPlan(seed, options.scale ?? demoScale);
  const { acts, firstEventSeconds } = await (async () => {
    await using stage = await openDemoStage({ serverUrl: options.serverUrl, kafka: options.kafka, signal });
    const firstEventSeconds = await deliverFirstEvent(stage, options);
    const acts: ActReport[] = [];
    for (const act of [1, 2, 3] as const) {
      await observer.actBegan(act);
      const report = await runAct({ act, plan, stage, observer, signal });
      acts.push(report);
      await observer.actEnded(report);
    }
    return { acts, firstEventSeconds };
  })();
  return {
    version: 1,
    seed,
    acts,
    kills: countKills(acts),
    ok: isProven(acts),
    firstEventSeconds,
    totalSeconds: toSeconds(systemClock.monotonicMs() - options.startedMs),
  };
}

/** One order before the first act, through `emit` and Headwater, so that a person soon sees that all of it works. */
async function deliverFirstEvent(stage: DemoStage, options: DemoOptions): Promise<number> {
  const { observer, signal } = options;
  const programs = [stage.orderService, stage.receiver, stage.headwater];
  const failed = Promise.race(programs.map((program) => program.failed));
  await Promise.race([failed, Promise.all([stage.startOrderService('emitting'), stage.startHeadwater()])]);
  const buy = runCustomers({
    orderServicePort: stage.orderServicePort,
    customers: [{ number: 1, total: '9.90', arrivalMs: 0, retryCountMax: 3 }],
    orderId: () => `${orderPrefix(0)}0001`,
    seed: options.seed,
    signal,
    onAnswer: () => undefined,
    onFailure: () => undefined,
  });
  await Promise.race([failed, Promise.all([buy, waitForEffect(stage, signal)])]);
  const seconds = toSeconds(systemClock.monotonicMs() - options.startedMs);
  observer.happened(
    'step',
    `first event: committed, journalled, acknowledged by the receiver, ${seconds.toFixed(1)} s after the start`,
  );
  await Promise.all([stage.orderService.stop(), stage.headwater.stop()]);
  return seconds;
}

async function waitForEffect({ stores }: DemoStage, signal: AbortSignal): Promise<void> {
  for (;;) {
    const found = await Promise.all(stores.map(({ readEffects }) => readEffects(orderPrefix(0))));
    if (found.some((effects) => effects.length > 0)) return;
    await systemClock.sleep(FIRST_EVENT_POLL_MS, signal);
  }
}
