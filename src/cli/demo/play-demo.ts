import { HeadwaterError } from '../../foundation/error.ts';
import { systemRandom } from '../../foundation/random.ts';
import type { CommandInput } from '../command.ts';
import { readShownCode } from './code-change.ts';
import { openDemoKafka } from './demo-kafka.ts';
import type { DemoObserver } from './demo-observer.ts';
import { demoScale } from './demo-plan.ts';
import { createLogObserver } from './log-observer.ts';
import { findOutermostStartMs } from './outermost-start.ts';
import { runDemo } from './run-demo.ts';
import { createScreenObserver } from './screen-observer.ts';

/** Plays the demo as the command line says. Resolves with the exit code: 0 when it showed what it should, else 1. */
export async function playDemo(input: CommandInput): Promise<number> {
  const startedMs = await findOutermostStartMs(input.terminal.environment);
  const seed = input.number('seed') ?? Math.floor(systemRandom.next() * 1_000_000);
  const kafka = await openKafka(input);
  const observer = await createObserver(input, { seed, startedMs });
  try {
    const serverUrl = input.text('url');
    const report = await runDemo({ seed, serverUrl, kafka, observer, startedMs, signal: input.signal });
    observer.ended(report);
    if (input.json) input.terminal.out(JSON.stringify(report));
    return report.ok ? 0 : 1;
  } catch (error) {
    observer.ended(undefined);
    throw error;
  } finally {
    await kafka?.[Symbol.asyncDispose]();
  }
}

async function createObserver(input: CommandInput, run: { seed: number; startedMs: number }): Promise<DemoObserver> {
  const { terminal, signal, json } = input;
  const code = await readShownCode();
  const { stdout } = process;
  if (stdout.isTTY && !json && !input.flag('assert') && terminal.environment['TERM'] !== 'dumb') {
    const { orderCount } = demoScale;
    return createScreenObserver({ ...run, output: stdout, style: terminal.style, orderCount, code, signal });
  }
  // With --json stdout belongs to the one object.
  const write = (line: string): void => (json ? terminal.note(line) : terminal.out(line));
  write(`headwater demo  seed ${run.seed}`);
  return createLogObserver({ ...run, write, style: terminal.style, code });
}

function openKafka(input: CommandInput): ReturnType<typeof openDemoKafka> | undefined {
  const store = input.text('with');
  if (store === undefined) return undefined;
  if (store !== 'kafka') throw new HeadwaterError('HW-SERVICE-004', `--with knows kafka, not "${store}"`);
  const brokers = input.text('kafka-brokers') ?? input.terminal.environment['HEADWATER_TEST_KAFKA_BROKERS'];
  if (brokers === undefined) throw new HeadwaterError('HW-DEMO-003', '--with kafka was given without --kafka-brokers');
  return openDemoKafka(brokers);
}
