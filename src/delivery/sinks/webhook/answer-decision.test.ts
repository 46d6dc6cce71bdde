import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { toInstant } from '../../../foundation/clock.ts';
import type { HeadwaterError } from '../../../foundation/error.ts';
import { decideAnswer } from './answer-decision.ts';
import { parseRetryAfter } from '../../../foundation/retry-after.ts';

const now = toInstant(Date.UTC(2026, 10, 27, 9, 0, 0));
const judgement = { target: 'https://hooks.test/', now, retryAfterMaxMs: 3_600_000 };

function decide(statusCode: number, retryAfter?: string): HeadwaterError | undefined {
  return decideAnswer({ statusCode, retryAfter }, judgement);
}

/** Which codes stand for which statuses; everything that is not named is of its class. */
const table: Readonly<Record<string, readonly number[]>> = {
  'HW-WEBHOOK-005': [401, 403, 407],
  'HW-WEBHOOK-006': [404, 405],
  'HW-WEBHOOK-007': [410],
  'HW-WEBHOOK-009': [408, 409, 421, 423, 424, 425, 429],
  'HW-WEBHOOK-011': [400, 413, 422],
};

describe('an answer', () => {
  test('of every status from 100 to 999 has the meaning of the table', () => {
    for (let status = 100; status <= 999; status += 1) {
      const named = Object.entries(table).find(([, statuses]) => statuses.includes(status))?.[0];
      const byClass = { 2: undefined, 3: 'HW-WEBHOOK-004', 4: 'HW-WEBHOOK-008', 5: 'HW-WEBHOOK-009' };
      const hundreds = Math.floor(status / 100);
      const wanted = hundreds in byClass ? byClass[hundreds as 2 | 3 | 4 | 5] : 'HW-WEBHOOK-010';
      assert.equal(decide(status)?.code, named ?? wanted, String(status));
    }
  });

  test('is tried again or stops the lane as the how-to says', () => {
    const page = readFileSync(new URL('../../../../docs/how-to/sink-webhook.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| (\dxx|\d{3}(?:, \d{3})*)[^|]*\| `(HW-WEBHOOK-\d+)` \| (waits|stops)/gm)];
    assert.ok(rows.length >= 8, `${rows.length} rows`);
    for (const [, statuses = '', code, outcome] of rows) {
      for (const status of statuses.split(', ')) {
        const error = decide(Number(status.replace('xx', '18')));
        assert.equal(error?.code, code, status);
        assert.equal(error?.policy, outcome === 'waits' ? 'retry' : 'stop', status);
      }
    }
  });

  test('that asks to wait is waited for where waiting helps, and only there', () => {
    for (const status of [429, 500, 503]) assert.equal(decide(status, '120')?.retryAfterMs, 120_000);
    for (const status of [301, 400, 410]) assert.equal(decide(status, '120')?.retryAfterMs, undefined);
    assert.equal(decide(503)?.retryAfterMs, undefined);
    assert.match(decide(503, '120')?.message ?? '', /answered 503 and asked to wait 120 s/);
  });
});

describe('Retry-After', () => {
  const cases: readonly (readonly [text: string | undefined, wantedMs: number | undefined])[] = [
    ['0', 0],
    ['1', 1000],
    [' 7 ', 7000],
    ['3600', 3_600_000],
    ['3601', 3_600_000],
    ['99999999999999999999999999', 3_600_000],
    ['Fri, 27 Nov 2026 09:02:00 GMT', 120_000],
    ['Fri, 27 Nov 2026 08:00:00 GMT', 0],
    ['Fri, 01 Jan 2100 00:00:00 GMT', 3_600_000],
    ['-5', undefined],
    ['1.5', undefined],
    ['1e9', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
    ['2026-11-27T09:02:00Z', undefined],
    ['Fri, 99 Nov 2026 09:02:00 GMT', undefined],
  ];
  for (const [text, wantedMs] of cases) {
    test(`of ${JSON.stringify(text)} means ${wantedMs === undefined ? 'nothing' : `${wantedMs} ms`}`, () => {
      assert.equal(parseRetryAfter(text, now, 3_600_000), wantedMs);
    });
  }
});
