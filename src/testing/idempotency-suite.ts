import assert from 'node:assert/strict';
import { type ContractTest, registerContract } from './run-suite.ts';
import type { SuiteRunner } from './sink-harness.ts';

/**
 * What the suite needs to know of a service: one operation that takes an `Idempotency-Key`, and what it has done. Only `send`, `request`
 * and `countEffects` are required; a test that needs more is skipped by name where it is missing.
 */
export interface IdempotencyHarness extends AsyncDisposable {
  /** Default: `fetch`, over the network. */
  send?(request: Request): Promise<Response>;
  /** The same valid request each time, without a key. Another `wish` has another body. */
  request(wish: 1 | 2): Request;
  /** How often the operation took effect so far, whatever was asked for. */
  countEffects(): Promise<number>;
  /** The same request of another principal. */
  asOther?(request: Request): Request;
  /** A request that the operation refuses before it begins. */
  invalidRequest?(): Request;
  /** The next run of the operation fails behind its effects, as by a bug. */
  failNext?(): void | Promise<void>;
  /** The next run of the operation waits behind its effects. Resolves to what lets it go on. */
  holdNext?(): () => void;
  /** Kills the service with SIGKILL inside the next run of the operation and starts it again; resolves when it serves. */
  killNext?(): () => Promise<void>;
}

/** The tests of the contract. */
export type IdempotencyTestName =
  | 'missing-key'
  | 'invalid-key'
  | 'replay'
  | 'unquoted-key'
  | 'mismatch'
  | 'two-keys'
  | 'at-once'
  | 'in-progress'
  | 'other-principal'
  | 'invalid-request'
  | 'failure'
  | 'kill';

/** A service under test, and what it promises. */
export interface IdempotencySuiteOptions {
  /** Stands in the names of the tests. */
  readonly name: string;
  /** Called for each test; what it returns is disposed of at its end. */
  readonly open: () => Promise<IdempotencyHarness>;
  /** The header that marks a repeated answer; null: the service marks none. Default `idempotent-replayed`. */
  readonly replayedHeader?: string | null;
  /** Why none of the tests can run here. Each is skipped with that reason. Default false. */
  readonly skip?: string | false;
  /** Only these tests; one that is listed and that the harness cannot do fails. Default: all. */
  readonly tests?: readonly IdempotencyTestName[];
  /** How long a test may take before it fails by name. Default 120,000 ms. */
  readonly timeoutMs?: number;
  /** Default: node:test. */
  readonly runner?: SuiteRunner;
}

/**
 * Registers what draft-ietf-httpapi-idempotency-key-header-07 asks of a service, and what its users rely on beyond it, as tests that
 * look at the service from outside. Point it at your own: it needs no more than requests and a count of effects.
 */
export function testIdempotency(options: IdempotencySuiteOptions): void {
  registerContract(`idempotency keys of ${options.name}`, contract, options);
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

let keyCount = 0;
/** Of this run only: the service may remember those of another. */
const createKey = (): string => `suite-${process.pid}-${process.hrtime.bigint()}-${(keyCount += 1)}`;

async function ask(
  harness: IdempotencyHarness,
  keyHeader: string | undefined,
  request: Request = harness.request(1),
): Promise<Answer> {
  const keyed = new Request(request);
  if (keyHeader !== undefined) keyed.headers.set('idempotency-key', keyHeader);
  const response = await (harness.send === undefined ? fetch(keyed) : harness.send(keyed));
  return { status: response.status, headers: response.headers, body: await response.text() };
}

const quoted = (key: string): string => `"${key}"`;

function assertProblem(answer: Answer, status: number): void {
  assert.equal(answer.status, status, answer.body);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json\s*(;|$)/);
  const problem = JSON.parse(answer.body) as { readonly title?: unknown; readonly status?: unknown };
  assert.equal(typeof problem.title, 'string');
  assert.ok(problem.status === undefined || problem.status === status);
}

/** Set by servers and proxies for each message. */
const hopHeaders: readonly string[] = [
  'date',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'age',
  'via',
];

function comparable({ status, headers, body }: Answer, { replayedHeader }: IdempotencySuiteOptions): object {
  const ignored = [...hopHeaders, replayedHeader ?? 'idempotent-replayed'];
  return { status, headers: [...headers].filter(([name]) => !ignored.includes(name)), body };
}

function assertReplay(first: Answer, second: Answer, options: IdempotencySuiteOptions): void {
  assert.deepEqual(comparable(second, options), comparable(first, options));
  const { replayedHeader = 'idempotent-replayed' } = options;
  if (replayedHeader !== null)
    assert.ok(second.headers.has(replayedHeader), `a replay has no header ${replayedHeader}`);
}

async function succeed(harness: IdempotencyHarness, keyHeader: string, request?: Request): Promise<Answer> {
  const answer = await ask(harness, keyHeader, request);
  assert.ok(answer.status >= 200 && answer.status < 300, `${answer.status} ${answer.body}`);
  return answer;
}

/** Repeats as a client does: the same key, while the answer is that the first one is at work, that the service failed, or none. */
async function persist(harness: IdempotencyHarness, keyHeader: string): Promise<Answer> {
  for (;;) {
    const answer = await ask(harness, keyHeader).catch(() => undefined);
    if (answer !== undefined && answer.status !== 409 && answer.status < 500) return answer;
  }
}

async function effectsOf(harness: IdempotencyHarness, act: () => Promise<unknown>): Promise<number> {
  const before = await harness.countEffects();
  await act();
  return (await harness.countEffects()) - before;
}

type Test = ContractTest<IdempotencyHarness, IdempotencySuiteOptions>;

const contract: Readonly<Record<IdempotencyTestName, Test>> = {
  'missing-key': {
    title: 'refuses a request without a key with 400, and does nothing',
    async run(harness) {
      const effects = await effectsOf(harness, async () => assertProblem(await ask(harness, undefined), 400));
      assert.equal(effects, 0);
    },
  },
  'invalid-key': {
    title: 'refuses a key that is empty, cut, a list or too long with 400, and does nothing',
    async run(harness) {
      const effects = await effectsOf(harness, async () => {
        for (const header of ['""', '"cut', '"a", "b"', quoted('k'.repeat(1000))]) {
          assertProblem(await ask(harness, header), 400);
        }
      });
      assert.equal(effects, 0);
    },
  },
  replay: {
    title: 'answers a repetition with the status, headers and body of the first, and has one effect',
    async run(harness, options) {
      const key = quoted(createKey());
      const effects = await effectsOf(harness, async () => {
        const first = await succeed(harness, key);
        for (let round = 0; round < 3; round += 1) assertReplay(first, await ask(harness, key), options);
      });
      assert.equal(effects, 1);
    },
  },
  'unquoted-key': {
    title: 'takes a key without quotes for the same key',
    async run(harness, options) {
      const key = createKey();
      const first = await succeed(harness, quoted(key));
      assertReplay(first, await ask(harness, key), options);
    },
  },
  mismatch: {
    title: 'refuses another content under the same key with 422, and does nothing',
    async run(harness, options) {
      const key = quoted(createKey());
      const first = await succeed(harness, key);
      const effects = await effectsOf(harness, async () => {
        assertProblem(await ask(harness, key, harness.request(2)), 422);
        assertReplay(first, await ask(harness, key), options);
      });
      assert.equal(effects, 0);
    },
  },
  'two-keys': {
    title: 'takes the same content under another key for another wish',
    async run(harness) {
      const effects = await effectsOf(harness, async () => {
        await succeed(harness, quoted(createKey()));
        await succeed(harness, quoted(createKey()));
      });
      assert.equal(effects, 2);
    },
  },
  'at-once': {
    title: 'has one effect and one answer when requests with one key come at once',
    async run(harness, options) {
      const key = quoted(createKey());
      const effects = await effectsOf(harness, async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => ask(harness, key)));
        const done = answers.filter(({ status }) => status !== 409);
        const [first] = done;
        assert.ok(first !== undefined && first.status < 300);
        for (const answer of done) assert.deepEqual(comparable(answer, options), comparable(first, options));
        for (const answer of answers.filter(({ status }) => status === 409)) assertProblem(answer, 409);
        assertReplay(first, await ask(harness, key), options);
      });
      assert.equal(effects, 1);
    },
  },
  'in-progress': {
    title: 'answers 409 with Retry-After while the first is at work for long, and its answer then',
    needs: 'holdNext',
    async run(harness, options) {
      const release = harness.holdNext?.() ?? assert.fail();
      const key = quoted(createKey());
      const effects = await effectsOf(harness, async () => {
        // Which of the two comes first is not told.
        const asked = [ask(harness, key), ask(harness, key)];
        const second = (await Promise.race(asked)) ?? assert.fail();
        assertProblem(second, 409);
        assert.match(second.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
        release();
        const first = (await Promise.all(asked)).find(({ status }) => status !== 409) ?? assert.fail();
        assert.ok(first.status < 300, `${first.status} ${first.body}`);
        assert.deepEqual(comparable(await ask(harness, key), options), comparable(first, options));
      });
      assert.equal(effects, 1);
    },
  },
  'other-principal': {
    title: 'keeps the same key of two principals apart',
    needs: 'asOther',
    async run(harness) {
      const key = quoted(createKey());
      const effects = await effectsOf(harness, async () => {
        await succeed(harness, key);
        await succeed(harness, key, harness.asOther?.(harness.request(1)) ?? assert.fail());
      });
      assert.equal(effects, 2);
    },
  },
  'invalid-request': {
    title: 'keeps no refusal of a request that never began',
    needs: 'invalidRequest',
    async run(harness) {
      const key = quoted(createKey());
      const refused = await ask(harness, key, harness.invalidRequest?.());
      assert.ok(refused.status >= 400 && refused.status < 500, `${refused.status} ${refused.body}`);
      await succeed(harness, key);
    },
  },
  failure: {
    title: 'keeps no failure of the service as the answer: a repetition does the work, once',
    needs: 'failNext',
    async run(harness) {
      const key = quoted(createKey());
      const effects = await effectsOf(harness, async () => {
        await harness.failNext?.();
        const failed = await ask(harness, key);
        assert.ok(failed.status >= 500, `${failed.status} ${failed.body}`);
        await succeed(harness, key);
        await succeed(harness, key);
      });
      assert.equal(effects, 1);
    },
  },
  kill: {
    title: 'is killed inside the work and has one effect all the same, when the request is repeated',
    needs: 'killNext',
    async run(harness, options) {
      const key = quoted(createKey());
      const effects = await effectsOf(harness, async () => {
        const restarted = harness.killNext?.() ?? assert.fail();
        await ask(harness, key).catch(() => undefined);
        await restarted();
        const first = await persist(harness, key);
        assert.ok(first.status < 300, `${first.status} ${first.body}`);
        assertReplay(first, await ask(harness, key), options);
      });
      assert.equal(effects, 1);
    },
  },
};
