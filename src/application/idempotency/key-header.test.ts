import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../../foundation/error.ts';
import { parseKeyHeader } from './key-header.ts';

const uuid = '8e03978e-40d5-43dd-bc93-6894a57f9324';
const accepted: Readonly<Record<string, string>> = {
  [`"${uuid}"`]: uuid,
  [uuid]: uuid,
  [`  "${uuid}"  `]: uuid,
  '"with blank and, comma; and more"': 'with blank and, comma; and more',
  '"a\\"b\\\\c"': 'a"b\\c',
  '"key";a=1;b="x;y" ; c': 'key',
  [`"${'k'.repeat(255)}"`]: 'k'.repeat(255),
};
const refused = [
  '',
  '   ',
  '""',
  '"open',
  '"a" "b"',
  '"a", "b"',
  'a, b',
  'a b',
  'a;b',
  '"a";',
  '"a";B=1',
  '"\\n"',
  '"tab\there"',
  '"café"',
  'café',
  'a"b',
  `"${'k'.repeat(256)}"`,
  'k'.repeat(256),
];

describe('the header Idempotency-Key', () => {
  for (const [header, key] of Object.entries(accepted)) {
    it(`gives the key of ${header.slice(0, 40)}`, () => assert.equal(parseKeyHeader(header), key));
  }

  for (const header of refused) {
    it(`refuses ${JSON.stringify(header).slice(0, 40)}, and quotes nothing of it`, () => {
      assert.throws(
        () => parseKeyHeader(header),
        (error) => error instanceof HeadwaterError && error.code === 'HW-IDEMPOTENCY-002',
      );
    });
  }

  it('is told from a missing one', () => {
    for (const missing of [undefined, null]) {
      assert.throws(
        () => parseKeyHeader(missing),
        (error) => error instanceof HeadwaterError && error.code === 'HW-IDEMPOTENCY-001',
      );
    }
  });
});
