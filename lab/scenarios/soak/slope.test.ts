import assert from 'node:assert/strict';
import { test } from 'node:test';

import { judgeSlope } from './slope.ts';

const minuteMs = 60_000;
const limit = { share: 0.1, least: 5 };
const series = (values: readonly number[]) => values.map((value, index) => ({ atMs: index * minuteMs, value }));

test('finds the line of least squares, per hour, and calls it rising above the limit', () => {
  const slope = judgeSlope(series([100, 104, 108, 112, 116, 120]), limit);
  assert.equal(slope.perHour, 240);
  assert.equal(slope.rise, 20);
  assert.equal(slope.verdict, 'rising');
});

test('calls flat what wavers, what falls, and what grows within the limit', () => {
  assert.equal(judgeSlope(series([100, 130, 95, 128, 101, 99]), limit).verdict, 'flat');
  assert.equal(judgeSlope(series([100, 90, 80, 70, 60, 50]), limit).verdict, 'flat');
  assert.equal(judgeSlope(series([10, 11, 12, 13, 14, 15]), limit).verdict, 'flat');
});

test('judges nothing from a few minutes', () => {
  assert.equal(judgeSlope(series([100, 200, 300]), limit).verdict, 'too-short');
  assert.equal(judgeSlope([], limit).verdict, 'too-short');
});
