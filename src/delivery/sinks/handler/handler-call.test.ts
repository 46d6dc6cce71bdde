import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../../foundation/testing/fake-clock.ts';
import { CallWaits } from './call-waits.ts';
import { HandlerCall } from './handler-call.ts';

function begun(call: () => Promise<void> | void): HandlerCall {
  const handlerCall = new HandlerCall();
  handlerCall.begin(call);
  return handlerCall;
}

/** A call that ends when it is told to. */
function heldCall(): { readonly call: HandlerCall; end(): void } {
  const held = Promise.withResolvers<void>();
  return { call: begun(() => held.promise), end: () => held.resolve() };
}

const never = new AbortController().signal;
const late = (): Error => new Error('late');

describe('a call of a handler', () => {
  test('has its outcome at once when the function returns or throws, and later when it gave a promise', async () => {
    const failure = new Error('no');
    assert.deepEqual(begun(() => undefined).outcome, { kind: 'done' });
    const thrown = begun(() => {
      throw failure;
    });
    assert.deepEqual(thrown.outcome, { kind: 'failed', thrown: failure });
    const rejected = begun(() => Promise.reject(failure));
    assert.equal(rejected.outcome, undefined);
    const ended = Promise.withResolvers<unknown>();
    rejected.onEnd(ended.resolve);
    assert.deepEqual(await ended.promise, { kind: 'failed', thrown: failure });
  });

  test('gives a signal that is aborted, whether it is asked for before or after', () => {
    const call = heldCall().call;
    const before = call.signal;
    call.abort('over');
    assert.equal(before.aborted, true);
    const other = heldCall().call;
    other.abort('over');
    assert.deepEqual([other.signal.aborted, other.signal.reason], [true, 'over']);
  });
});

describe('those who wait for calls', () => {
  test('are told of the end, and each of its own lateness although one timer stands for all', async () => {
    const clock = new FakeClock();
    const waits = new CallWaits({ clock, timeoutMs: 100 });
    const [first, second, third] = [heldCall(), heldCall(), heldCall()];
    const ofFirst = waits.until(first.call, { signal: never, late });
    clock.advance(60);
    const ofSecond = waits.until(second.call, { signal: never, late });
    const ofThird = waits.until(third.call, { signal: never, late });
    first.end();
    assert.deepEqual(await ofFirst, { kind: 'done' });
    clock.advance(99);
    assert.equal(second.call.signal.aborted, false);
    third.end();
    assert.deepEqual(await ofThird, { kind: 'done' });
    const isLate = assert.rejects(ofSecond, /late/);
    clock.advance(1);
    await isLate;
    assert.equal(second.call.signal.aborted, true);
    waits.close('over');
  });

  test('give up with the signal that they came with, and with no other', async () => {
    const clock = new FakeClock();
    const waits = new CallWaits({ clock, timeoutMs: 100 });
    const [mine, other] = [new AbortController(), new AbortController()];
    const [first, second] = [heldCall(), heldCall()];
    const ofFirst = waits.until(first.call, { signal: mine.signal, late });
    const ofSecond = waits.until(second.call, { signal: other.signal, late });
    const gaveUp = assert.rejects(ofFirst, /halted/);
    mine.abort(new Error('halted'));
    await gaveUp;
    assert.deepEqual([first.call.signal.aborted, second.call.signal.aborted], [true, false]);
    second.end();
    assert.deepEqual(await ofSecond, { kind: 'done' });
    await assert.rejects(waits.until(heldCall().call, { signal: mine.signal, late }), /halted/);
    waits.close('over');
  });

  test('have their calls told when the sink is closed', () => {
    const waits = new CallWaits({ clock: new FakeClock(), timeoutMs: 100 });
    const { call } = heldCall();
    void waits.until(call, { signal: never, late });
    waits.close('closed');
    assert.equal(call.signal.reason, 'closed');
  });
});
