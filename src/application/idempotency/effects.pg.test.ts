import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { skipReason } from '../../../scripts/services/testing.ts';
import type { TransactionLike } from '../../postgres/transaction-handle.ts';
import { effect, type EffectCall, type GuardedResult } from '../effect/effect.ts';
import type { PhasedOperation, PhasedRun } from './operation.ts';
import { Refusal } from './refusal.ts';
import {
  createIdempotencyStage,
  type IdempotencyStage,
  insertOrder,
  type OrderInput,
  parseOrder,
  problemCode,
  roots,
  send,
  stoppedClock,
} from './testing/idempotency-stage.ts';

type Run = PhasedRun<TransactionLike, OrderInput>;

/** What it has done does not go with anybody's transaction. */
class Provider {
  /** The keys of charges; without keys each call is one. */
  readonly charges: string[] = [];
  calls = 0;
  questions = 0;
  /** How often the answer is lost behind the effect. */
  lostAnswers = 0;
  /** How often it fails in front of the effect. */
  failures = 0;

  charge(key: string): string {
    this.calls += 1;
    if (this.failures-- > 0) throw new Error('not reached');
    if (!this.charges.includes(key)) this.charges.push(key);
    if (this.lostAnswers-- > 0) throw new Error('the answer was lost');
    return `charge ${this.charges.indexOf(key) + 1}`;
  }

  find(key: string): string | undefined {
    this.questions += 1;
    return this.charges.includes(key) ? `charge ${this.charges.indexOf(key) + 1}` : undefined;
  }
}

const skip = await skipReason('postgres18');

describe('effects of operations in phases', { skip }, () => {
  let stage: IdempotencyStage;
  let provider: Provider;
  before(async () => {
    stage = await createIdempotencyStage(18, roots['pg'] ?? assert.fail());
  });
  after(() => stage[Symbol.asyncDispose]());
  beforeEach(async () => {
    await stage.clear();
    provider = new Provider();
  });

  const keyed = effect('charge', {
    kind: 'keyed',
    call: async (_note: string, { key }: EffectCall) => provider.charge(key),
  });
  const checked = effect('charge', {
    kind: 'checked',
    call: async (_note: string, { key }: EffectCall) => provider.charge(key),
    check: async ({ key }: EffectCall) => provider.find(key),
  });
  const guarded = effect('charge', {
    kind: 'guarded',
    // A provider without keys: each call charges.
    call: async () => provider.charge(`call ${provider.calls}`),
  });
  const operation = (charge: (run: Run) => Promise<unknown>): PhasedOperation<TransactionLike, OrderInput> => ({
    name: 'orders.buy',
    safety: 'keyed',
    parse: parseOrder,
    async phases(run) {
      const charged = await charge(run);
      await run.phase('order', async (tx) => void (await insertOrder(tx, run.input.note)));
      return Response.json({ charged }, { status: 201 });
    },
  });
  const handle = (charge: (run: Run) => Promise<unknown>): ReturnType<ReturnType<typeof stage.open>['handler']> =>
    stage.open().handler(operation(charge));
  /** Cuts the connection in front of the n-th statement that stores a step. */
  const cutBeforeStep = (place: number): void => {
    let count = 0;
    stage.hook = (text) =>
      text.includes('jsonb_build_array') && ++count === place ? { kind: 'cut-before' } : undefined;
  };
  const charged = (text: string): unknown => (JSON.parse(text) as { charged: unknown }).charged;

  it('calls a provider without keys at most once: what came of a call that was cut stays unknown', async () => {
    const handler = handle((run) => run.effect(guarded, run.input.note));
    cutBeforeStep(2);
    assert.equal((await send(handler, { key: '"a"' })).status, 500);
    const answer = await send(handler, { key: '"a"' });
    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual(charged(answer.text), { kind: 'unknown' } satisfies GuardedResult<string>);
    for (let repetition = 0; repetition < 10; repetition += 1)
      assert.deepEqual(await send(handler, { key: '"a"' }), { ...answer, isReplay: true });
    assert.deepEqual([provider.calls, await stage.countOrders()], [1, 1]);
  });

  it('does not call a provider without keys whose call could not be noted before', async () => {
    const handler = handle((run) => run.effect(guarded, run.input.note));
    cutBeforeStep(1);
    assert.equal((await send(handler, { key: '"a"' })).status, 500);
    assert.equal(provider.calls, 0);
    const answer = await send(handler, { key: '"a"' });
    assert.deepEqual(charged(answer.text), { kind: 'done', result: 'charge 1' });
    assert.equal(provider.calls, 1);
  });

  it('goes on with a call whose answer was lost as unknown, and never makes it again', async () => {
    provider.lostAnswers = 1;
    const handler = handle((run) => run.effect(guarded, run.input.note));
    const answer = await send(handler, { key: '"a"' });
    assert.deepEqual([answer.status, charged(answer.text)], [201, { kind: 'unknown' }]);
    assert.deepEqual([provider.calls, provider.charges.length], [1, 1]);
  });

  it('takes the refusal of a provider without keys as the answer', async () => {
    const refused = effect('charge', {
      kind: 'guarded',
      call: async () => {
        throw new Refusal(Response.json({ error: 'declined' }, { status: 402 }));
      },
    });
    const handler = handle((run) => run.effect(refused, undefined));
    const first = await send(handler, { key: '"a"' });
    assert.equal(first.status, 402);
    assert.deepEqual(await send(handler, { key: '"a"' }), { ...first, isReplay: true });
  });

  it('asks a provider that can be asked, and calls it again only when it knows nothing', async () => {
    const handler = handle((run) => run.effect(checked, run.input.note));
    provider.lostAnswers = 1;
    assert.equal((await send(handler, { key: '"a"' })).status, 500);
    assert.equal((await stage.readRow())['recovery_point'], 'started');
    const found = await send(handler, { key: '"a"' });
    assert.deepEqual([found.status, charged(found.text)], [201, 'charge 1']);
    assert.deepEqual([provider.calls, provider.questions], [1, 1]);
    provider.failures = 1;
    assert.equal((await send(handler, { key: '"b"' })).status, 500);
    const again = await send(handler, { key: '"b"' });
    assert.deepEqual([again.status, charged(again.text)], [201, 'charge 2']);
    assert.deepEqual([provider.calls, provider.questions, provider.charges.length], [3, 2, 2]);
  });

  it('repeats a call of a provider that honours keys, under the same key', async () => {
    const handler = handle((run) => run.effect(keyed, run.input.note));
    provider.lostAnswers = 1;
    assert.equal((await send(handler, { key: '"a"' })).status, 500);
    const answer = await send(handler, { key: '"a"' });
    assert.deepEqual([charged(answer.text), provider.calls, provider.charges.length], ['charge 1', 2, 1]);
  });

  it('gives who takes over the result "unknown" while the late holder is still in its call, and keeps nothing of the late one', async () => {
    const gate = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    const slow = effect('charge', {
      kind: 'guarded',
      async call() {
        const made = provider.charge('the only one');
        began.resolve();
        await gate.promise;
        return made;
      },
    });
    const phases = operation((run) => run.effect(slow, undefined));
    const late = send(stage.open({ leaseMs: 100, clock: stoppedClock }).handler(phases), { key: '"a"' });
    await began.promise;
    const second = await send(stage.open({ leaseMs: 100 }).handler(phases), { key: '"a"' });
    assert.deepEqual([second.status, charged(second.text)], [201, { kind: 'unknown' }]);
    gate.resolve();
    assert.deepEqual(await late, second);
    assert.deepEqual([provider.calls, await stage.countOrders()], [1, 1]);
  });

  it('waits for a provider no longer than the effect allows', async () => {
    const hang = (): Promise<string> => Promise.withResolvers<string>().promise;
    const patient = effect('charge', { kind: 'keyed', call: hang, timeoutMs: 20 });
    const late = await send(
      handle((run) => run.effect(patient, undefined)),
      { key: '"a"' },
    );
    assert.equal(problemCode(late, 500), 'HW-IDEMPOTENCY-017');
    const once = effect('charge', { kind: 'guarded', call: hang, timeoutMs: 20 });
    const answer = await send(
      handle((run) => run.effect(once, undefined)),
      { key: '"b"' },
    );
    assert.deepEqual(charged(answer.text), { kind: 'unknown' });
  });

  it('stops when a call that must not be made twice has become one that may', async () => {
    cutBeforeStep(2);
    assert.equal(
      (
        await send(
          handle((run) => run.effect(guarded, run.input.note)),
          { key: '"a"' },
        )
      ).status,
      500,
    );
    for (const charge of [
      (run: Run): Promise<unknown> => run.effect(keyed, run.input.note),
      (run: Run): Promise<unknown> => run.call('charge', async (key) => provider.charge(key)),
    ]) {
      assert.equal(problemCode(await send(handle(charge), { key: '"a"' }), 500), 'HW-IDEMPOTENCY-009');
    }
    assert.equal(provider.calls, 1);
  });
});
