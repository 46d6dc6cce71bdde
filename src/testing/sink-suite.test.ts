import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingStore } from '../delivery/testing/recording-sink.ts';
import type { SinkCapabilities, SinkDefinition } from '../delivery/sink.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { testEvent } from './memory-journal.ts';
import type { SinkHarness, SinkSuiteOptions, SuiteRunner, SuiteTestName } from './sink-harness.ts';
import { suiteTests } from './sink-contract.ts';
import { testSink } from './sink-suite.ts';

interface Outcome {
  readonly kind: 'passed' | 'failed' | 'skipped';
  readonly reason: string;
}

const nameOf = new Map(Object.entries(suiteTests).map(([name, { title }]) => [title, name]));

/** Runs the suite by a runner of another make, and tells what became of each test. */
async function runSuite(
  options: Omit<SinkSuiteOptions, 'name' | 'runner'>,
  canSkip = true,
): Promise<Map<string, Outcome>> {
  const tests: Parameters<SuiteRunner['test']>[] = [];
  const runner: SuiteRunner = { describe: (_name, body) => body(), test: (...added) => tests.push(added) };
  testSink({ ...options, name: 'in memory', runner });
  const outcomes = new Map<string, Outcome>();
  for (const [title, body] of tests) {
    let outcome: Outcome = { kind: 'passed', reason: '' };
    const skip = (reason: string): void => void (outcome = { kind: 'skipped', reason });
    try {
      await body(canSkip ? { skip } : {});
    } catch (error) {
      outcome = { kind: 'failed', reason: String(error) };
    }
    outcomes.set(nameOf.get(title) ?? title, outcome);
  }
  return outcomes;
}

const lost = new HeadwaterError('HW-SINK-001', 'the connection was lost');

interface StoreOptions {
  readonly capabilities?: Partial<SinkCapabilities>;
  readonly change?: (store: RecordingStore) => SinkDefinition;
  /** The store says that it has what it was cut off from. */
  readonly believes?: boolean;
}

function openStore({ capabilities, change, believes }: StoreOptions = {}): () => Promise<SinkHarness> {
  return async () => {
    const store = new RecordingStore(capabilities);
    return {
      sink: change?.(store) ?? store.definition,
      record: ({ key, number }) => testEvent(key, `${key}-${number}`),
      stored: async () => store.ids.map((id) => ({ key: id.slice(0, 1), number: Number(id.slice(2)) })),
      cutBeforeEffect: () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        store.script = (batch) => {
          store.script = () => 'take';
          if (believes === true) store.checkpoint = batch.to;
          resolve();
          return { throw: lost };
        };
        return promise;
      },
      loseReply: () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        store.script = () => {
          store.script = () => 'take';
          resolve();
          return { takeAndThrow: lost };
        };
        return promise;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  };
}

/** The sink with each batch changed on its way to the store. */
function onTheWay(
  store: RecordingStore,
  change: (records: readonly unknown[], count: number) => readonly unknown[],
): SinkDefinition {
  let count = 0;
  return {
    ...store.definition,
    async open(context) {
      const sink = await store.definition.open(context);
      return {
        capabilities: sink.capabilities,
        readCheckpoint: (signal) => sink.readCheckpoint(signal),
        write: (batch, signal) => {
          count += 1;
          const records = change(batch.records, count) as typeof batch.records;
          return sink.write({ ...batch, records }, signal);
        },
        [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
      };
    },
  };
}

const tests: readonly SuiteTestName[] = ['order', 'stop', 'cut-path', 'lost-reply', 'parked'];

async function failedTests(store: StoreOptions, effects: SinkSuiteOptions['effects'] = 'once'): Promise<string[]> {
  const outcomes = await runSuite({ effects, open: openStore(store), tests });
  return [...outcomes].filter(([, { kind }]) => kind === 'failed').map(([name]) => name);
}

test('accepts a sink that keeps the contract, by a runner that is passed in', async () => {
  assert.deepEqual(await failedTests({}), []);
  assert.deepEqual(await failedTests({ capabilities: { checkpointIn: 'lane' } }, 'at-least-once'), []);
});

test('notices a sink that leaves a record out, one that turns a batch around, and one that repeats', async () => {
  const drop = (records: readonly unknown[], count: number): readonly unknown[] =>
    count === 4 ? records.slice(1) : records;
  assert.ok((await failedTests({ change: (store) => onTheWay(store, drop) })).includes('order'));
  const turn = (records: readonly unknown[]): readonly unknown[] => records.toReversed();
  assert.ok((await failedTests({ change: (store) => onTheWay(store, turn) })).includes('order'));
  const repeat = (records: readonly unknown[], count: number): readonly unknown[] =>
    count === 2 ? [...records, ...records] : records;
  assert.ok((await failedTests({ change: (store) => onTheWay(store, repeat) })).includes('order'));
});

test('notices a sink that believes in a write that was cut off, and one that says once and gives twice', async () => {
  assert.deepEqual(await failedTests({ believes: true }), ['cut-path']);
  assert.deepEqual(await failedTests({ capabilities: { checkpointIn: 'lane' } }, 'once'), ['lost-reply']);
});

test('shows what the harness cannot do as skipped with the reason, or as failed when it is asked for', async () => {
  const outcomes = await runSuite({ effects: 'once', open: openStore() });
  assert.deepEqual(outcomes.get('held-path'), { kind: 'skipped', reason: 'the harness has no proxy' });
  assert.deepEqual(outcomes.get('oversized'), { kind: 'skipped', reason: 'the harness has no oversized' });
  assert.deepEqual(outcomes.get('order'), { kind: 'passed', reason: '' });
  assert.deepEqual([...outcomes.keys()].toSorted(), Object.keys(suiteTests).toSorted());
  const asked = await runSuite({ effects: 'once', open: openStore(), tests: ['kill'] });
  assert.equal(asked.get('kill')?.kind, 'failed');
  const blind = await runSuite({ effects: 'once', open: openStore() }, false);
  assert.match(blind.get('kill')?.reason ?? '', /the harness has no deliverUntilKilled; the runner cannot show that/);
});

test('skips every test by name, and opens nothing, where the store cannot run', async () => {
  const open = (): Promise<SinkHarness> => assert.fail('nothing is opened');
  const outcomes = await runSuite({ effects: 'once', skip: 'no server here', open });
  assert.equal(outcomes.size, Object.keys(suiteTests).length);
  for (const outcome of outcomes.values()) assert.deepEqual(outcome, { kind: 'skipped', reason: 'no server here' });
});

test('ends a test by name when the sink never answers', async () => {
  const change = (store: RecordingStore): SinkDefinition => {
    store.script = () => ({ hold: Promise.withResolvers<void>().promise });
    return store.definition;
  };
  const outcomes = await runSuite({ effects: 'once', open: openStore({ change }), tests: ['order'], timeoutMs: 50 });
  assert.match(outcomes.get('order')?.reason ?? '', /not within 50 ms: writes every record once/);
});
