import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseQualifiedName, quoteIdentifier, quoteLiteral, quoteQualified } from './quote.ts';

test('names and constants survive whatever they hold', () => {
  assert.equal(quoteIdentifier('a"b; drop table t'), '"a""b; drop table t"');
  assert.equal(quoteQualified('Größe', 'select'), '"Größe"."select"');
  assert.equal(quoteLiteral("it's"), "'it''s'");
  assert.equal(quoteLiteral("a\\'b"), " E'a\\\\''b'");
  assert.deepEqual(parseQualifiedName('sales.Order Line'), { schemaName: 'sales', objectName: 'Order Line' });
  assert.deepEqual(parseQualifiedName('orders'), { schemaName: 'public', objectName: 'orders' });
});
