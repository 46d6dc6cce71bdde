import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { plainStyle, type TextStyle } from '../terminal.ts';
import { countDamage } from './damage.ts';
import { type DemoPicture, renderFrame } from './demo-frame.ts';
import type { ActNumber, ActReport } from './demo-report.ts';
import { readShownCode } from './code-change.ts';

const size = { columns: 80, rows: 24 };
const code = await readShownCode();
const red: TextStyle = { ...plainStyle, red: (text) => `\u001B[31m${text}\u001B[39m` };

const steps = [
  { orderId: '1-0001', step: 'placed' },
  { orderId: '1-0001', step: 'paid' },
  { orderId: '1-0002', step: 'placed' },
] as const;
const effects = ['paid', 'placed', 'placed'].map((step, index) => ({
  orderId: '1-0001',
  step: step === 'paid' ? ('paid' as const) : ('placed' as const),
  eventId: String(index),
}));

function createReport(act: ActNumber): ActReport {
  const store = countDamage(
    steps,
    act === 1 ? effects : steps.map((step, index) => ({ ...step, eventId: String(index) })),
  );
  const latency = { requests: 400, p50Ms: 2.5, p99Ms: 12.3 };
  return {
    act,
    committed: steps.map(({ orderId, step }) => `${orderId}/${step}`),
    stores: { receiver: store, reports: store, kafka: store },
    kills: [],
    repetitions: 17,
    requests: { answered: 3, failed: 1 },
    ...(act === 3
      ? { outage: { seconds: 3.2, latency: { before: latency, during: latency }, caughtUpSeconds: 0.8 } }
      : {}),
  };
}

const picture: DemoPicture = {
  seed: 42,
  elapsedSeconds: 12.34,
  act: 1,
  stepCountMax: 1000,
  counts: { committed: 500, effects: { receiver: 480, reports: undefined } },
  occurrences: Array.from({ length: 40 }, (_, index) => ({
    kind: 'kill' as const,
    seconds: index,
    text: `SIGKILL number ${index}`,
  })),
  reports: [],
  code,
  ending: undefined,
};
const acts = [createReport(1), createReport(2), createReport(3)];
const ending = {
  version: 1,
  seed: 42,
  acts,
  kills: { 'order service': 28 },
  ok: true,
  firstEventSeconds: 2,
  totalSeconds: 30,
} as const;
const pictures: Readonly<Record<string, DemoPicture>> = {
  opening: { ...picture, act: undefined, counts: undefined, occurrences: picture.occurrences.slice(0, 1) },
  running: picture,
  'after act 1': { ...picture, reports: acts.slice(0, 1) },
  'after act 2': { ...picture, act: 2, reports: acts.slice(0, 2) },
  end: { ...picture, act: 3, reports: acts, ending },
};

describe('the screen of the demo', () => {
  for (const [name, shown] of Object.entries(pictures)) {
    it(`fits a terminal of 80 by 24 (${name})`, () => {
      const lines = renderFrame(shown, plainStyle, size);
      assert.ok(lines.length < size.rows, `${lines.length} lines`);
      assert.ok(lines.every((line) => line.length <= size.columns));
    });
  }

  it('shows the code of the naive order service whole before the first act', () => {
    const text = renderFrame(pictures['opening'] ?? picture, plainStyle, { columns: 200, rows: 60 }).join('\n');
    assert.ok(text.includes(code.naive.join('\n')));
  });

  it('shows how far the stores are, which one does not answer, and what happened last', () => {
    const text = renderFrame(picture, plainStyle, size).join('\n');
    assert.match(text, /ACT 1 of 3/);
    assert.match(text, /primary +█{20}░{20} +500 steps committed/);
    assert.match(text, /reports +░{40} +does not answer/);
    assert.match(text, /SIGKILL number 39/);
    assert.doesNotMatch(text, /SIGKILL number 1\n/);
  });

  it('shows the damage of act 1 as both systems tell it, and the lines that change', () => {
    const text = renderFrame(pictures['after act 1'] ?? picture, plainStyle, { columns: 120, rows: 60 }).join('\n');
    assert.match(text, /lost +order 1-0002 +primary: placed +receiver: never heard of it/);
    assert.match(text, /twice +order 1-0001 +primary: placed, paid +receiver: paid, placed, placed/);
    assert.match(text, /- await publish\(/);
    assert.match(text, /\+ await emit\(tx, /);
  });

  it('says aloud what the receiver dropped', () => {
    assert.match(
      renderFrame(pictures['after act 2'] ?? picture, plainStyle, size).join('\n'),
      /dropped by their ids: 17/,
    );
  });

  it('cuts a coloured line by what is visible, and closes its colour', () => {
    const lines = renderFrame(picture, red, { columns: 20, rows: 24 });
    const kills = lines.filter((line) => line.includes('SIGKILL'));
    assert.ok(kills.length > 0);
    for (const line of kills) assert.match(line.replaceAll('\u001B', '^'), /^.{9}\^\[31m.{11}\^\[39m$/);
  });
});
