import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../foundation/error.ts';
import type { ComposedCardinality, ComposedStatement } from '../model/composed-statement.ts';
import type { BoundaryGuarantee } from '../model/guarantee.ts';
import { compose } from './compose.ts';
import { flowSteps } from './flow-steps.ts';
import { flows } from './flows.ts';
import { formatComposed } from './format-composed.ts';
import { statements } from './statements.ts';

interface Expected {
  readonly cardinality: ComposedCardinality;
  /** The part that decides the cardinality. */
  readonly by: string;
  readonly at: string;
  readonly order: BoundaryGuarantee['ordering']['scope'];
  readonly staleness: ComposedStatement['staleness']['value'];
  readonly durability: ComposedStatement['durability']['value'];
  readonly waits: readonly string[];
}

const behindCommit = { staleness: 'unbounded', waits: ['emit-message'] } as const;
const atConsumer = {
  ...behindCommit,
  at: 'message → database of the consumer',
  order: 'per-key',
  durability: 'durable',
} as const;
const receiverSays = { order: 'none', durability: 'as-the-receiver-says' } as const;

/** Flow by flow: what its parts promise together. */
const table: Readonly<Record<string, Expected>> = {
  'emit kafka inbox': { ...atConsumer, cardinality: 'effectively-once', by: 'inbox' },
  'emit nats inbox': { ...atConsumer, cardinality: 'effectively-once', by: 'inbox' },
  'emit rabbitmq inbox': { ...atConsumer, cardinality: 'effectively-once', by: 'inbox' },
  'emit webhook inbox': { ...atConsumer, cardinality: 'effectively-once', by: 'inbox' },
  'emit handler inbox': {
    ...atConsumer,
    cardinality: 'effectively-once',
    by: 'inbox',
    durability: 'as-the-receiver-says',
  },
  'emit-outbox kafka inbox': { ...atConsumer, cardinality: 'effectively-once', by: 'inbox', waits: ['emit-outbox'] },
  'adopted-outbox kafka inbox': {
    ...atConsumer,
    cardinality: 'effectively-once',
    by: 'inbox',
    order: 'none',
    waits: ['adopted-outbox'],
  },
  'emit kafka inbox plain-call': {
    ...behindCommit,
    ...receiverSays,
    cardinality: 'at-least-once',
    by: 'plain-call',
    at: 'inbox → another system, without a key',
  },
  'emit kafka inbox keyed-effect': {
    ...behindCommit,
    ...receiverSays,
    cardinality: 'effectively-once',
    by: 'keyed-effect',
    at: 'message → provider',
  },
  'emit kafka inbox guarded-effect': {
    ...behindCommit,
    ...receiverSays,
    cardinality: 'at-most-once',
    by: 'guarded-effect',
    at: 'message → provider',
  },
  'emit rabbitmq': {
    ...behindCommit,
    cardinality: 'at-least-once',
    by: 'rabbitmq',
    at: 'journal → RabbitMQ',
    order: 'per-key',
    durability: 'durable',
  },
  'emit handler plain-call': {
    ...behindCommit,
    ...receiverSays,
    cardinality: 'at-least-once',
    by: 'handler',
    at: 'handler → another system, without a key',
  },
  'emit postgres': {
    ...behindCommit,
    cardinality: 'effectively-once',
    by: 'postgres',
    at: 'journal → PostgreSQL',
    order: 'total',
    durability: 'durable',
  },
  'idempotency emit kafka inbox': {
    ...atConsumer,
    cardinality: 'effectively-once',
    by: 'inbox',
    waits: ['idempotency', 'emit-message'],
  },
  'idempotency plain-call': {
    ...receiverSays,
    cardinality: 'at-least-once',
    by: 'plain-call',
    at: 'idempotency → another system, without a key',
    staleness: 'none',
    waits: ['idempotency', 'plain-call'],
  },
  'transact emit': {
    cardinality: 'at-most-once',
    by: 'transact',
    at: 'application → PostgreSQL',
    order: 'total',
    durability: 'durable',
    staleness: 'none',
    waits: ['transact', 'emit-message'],
  },
  'transact emit kafka inbox': {
    ...atConsumer,
    cardinality: 'at-most-once',
    by: 'transact',
    waits: ['transact', 'emit-message'],
  },
  'transact emit rabbitmq': {
    ...behindCommit,
    cardinality: 'not-promised',
    by: 'rabbitmq',
    at: 'journal → RabbitMQ',
    order: 'per-key',
    durability: 'durable',
    waits: ['transact', 'emit-message'],
  },
  'transact postgres version-token': {
    cardinality: 'at-most-once',
    by: 'transact',
    at: 'derived store → reader',
    order: 'total',
    staleness: 'bounded-by-token',
    durability: 'durable',
    waits: ['transact'],
  },
  'inbox emit kafka inbox': {
    ...atConsumer,
    cardinality: 'effectively-once',
    by: 'inbox',
    waits: ['inbox', 'emit-message'],
  },
};

describe('the statement of a flow', () => {
  for (const [names, expected] of Object.entries(table)) {
    it(`${names}: ${expected.cardinality}, by ${expected.by}`, () => {
      const composed = compose(names.split(' '));
      assert.deepEqual(
        {
          cardinality: composed.cardinality.value,
          by: composed.cardinality.part,
          at: composed.boundary.id,
          order: composed.ordering.value.scope,
          staleness: composed.staleness.value,
          durability: composed.durability.value,
          waits: composed.callerWaitsFor,
        } satisfies Expected,
        expected,
      );
      if (expected.cardinality === 'effectively-once') assert.ok((composed.cardinality.by ?? '').length > 10);
      assert.doesNotMatch(formatComposed(composed), /exactly once|undefined/i);
    });
  }

  it('names what lies between the parts that were named', () => {
    assert.deepEqual(compose(['emit', 'kafka', 'inbox']).parts, [
      'emit-message',
      'capture',
      'journal',
      'kafka',
      'consumers',
      'inbox',
    ]);
    const inFull = compose(['emit-message', 'capture', 'journal', 'kafka', 'consumers', 'inbox']);
    assert.deepEqual(inFull, compose(['emit', 'kafka', 'inbox']));
  });

  it('says at each boundary what success means there, what a duplicate means, what stops it and from what it recovers', () => {
    const composed = compose(['emit', 'kafka', 'inbox']);
    const parts = new Set(composed.parts);
    for (const sentences of [composed.ladder, composed.duplicates, composed.blockedBy, composed.recovery]) {
      assert.deepEqual(new Set(sentences.map(({ part }) => part)), parts);
    }
    for (const part of parts) {
      const statement = statements.find(({ id }) => id === part);
      const residual = composed.residual.filter((sentence) => sentence.part === part).map(({ text }) => text);
      assert.deepEqual(residual, statement?.residual, 'no window of a part is lost');
      const needs = composed.prerequisites.filter((sentence) => sentence.part === part).map(({ text }) => text);
      assert.deepEqual(needs, statement?.prerequisites);
    }
  });

  it('is atomic within one transaction and nowhere else', () => {
    assert.equal(compose(['transact', 'emit']).atomicity.value, 'atomic');
    assert.deepEqual(compose(['emit', 'postgres']).atomicity, {
      value: 'atomic-partial-states-visible',
      part: 'capture',
    });
    assert.equal(compose(['emit', 'kafka', 'inbox', 'plain-call']).atomicity.value, 'none');
  });

  it('is never stronger than any of its parts, in any flow that there can be', () => {
    const everyFlow = listFlows();
    assert.ok(everyFlow.length > 200, `${everyFlow.length} flows`);
    for (const names of everyFlow) {
      const composed = compose(names);
      assert.deepEqual(composed.parts, names);
      for (const name of names) assertNotStronger(composed, name);
      const isLossy = names.some((name) => name === 'transact' || name === 'guarded-effect');
      if (isLossy) assert.match(composed.cardinality.value, /at-most-once|not-promised/, names.join(' '));
      else assert.match(composed.cardinality.value, /effectively-once|at-least-once/, names.join(' '));
      if (names.at(-1) === 'plain-call') assert.match(composed.cardinality.value, /at-least-once|not-promised/);
    }
  });

  it('is refused where parts do not follow one another, with what can', () => {
    const refusals: Readonly<Record<string, readonly [string, RegExp]>> = {
      'emit inbox': ['HW-COMPOSE-002', /can stand: capture/],
      'kafka emit': ['HW-COMPOSE-002', /can stand: /],
      'postgres inbox': ['HW-COMPOSE-002', /version-token/],
      'plain-call': ['HW-COMPOSE-002', /./],
      'version-token postgres': ['HW-COMPOSE-002', /./],
      'emit kafka inbox plain-call emit': ['HW-COMPOSE-002', /ends at "plain-call"/],
      'emit parking': ['HW-COMPOSE-001', /./],
      '': ['HW-COMPOSE-002', /./],
    };
    for (const [names, [code, hint]] of Object.entries(refusals)) {
      assert.throws(
        () => compose(names.split(' ').filter((name) => name !== '')),
        (error: unknown) => error instanceof HeadwaterError && error.code === code && hint.test(error.hint),
        names,
      );
    }
  });

  it('carries the claims of each flow that is written down', () => {
    for (const { claims, names } of flows) {
      assert.ok(names.join(' ') in table, `${names.join(' ')} has its line in the table`);
      assert.ok(claims.length > 0);
      assert.deepEqual(compose(names).claims, claims);
    }
  });

  it('can be made of every statement but those that are no step on the way', () => {
    const used = new Set(flowSteps.map(({ statement }) => statement));
    assert.deepEqual(
      statements.map(({ id }) => id).filter((id) => !used.has(id)),
      ['parking'],
    );
  });
});

const scopes = ['none', 'per-key', 'per-partition', 'total'];

function assertNotStronger(composed: ComposedStatement, name: string): void {
  const step = flowSteps.find(({ id }) => id === name);
  const [guarantee] = statements.find(({ id }) => id === step?.statement)?.remains ?? [];
  if (guarantee === undefined || step === undefined) return;
  const flow = composed.parts.join(' ');
  if (guarantee.synchronicity === 'async') assert.equal(composed.synchronicity.value, 'async', flow);
  if (guarantee.consistency === 'eventual') assert.equal(composed.consistency.value, 'eventual', flow);
  if (guarantee.staleness === 'unbounded') assert.notEqual(composed.staleness.value, 'none', flow);
  if (guarantee.atomicity !== 'atomic') assert.notEqual(composed.atomicity.value, 'atomic', flow);
  if (step.stage !== 'request') {
    assert.ok(scopes.indexOf(composed.ordering.value.scope) <= scopes.indexOf(guarantee.ordering.scope), flow);
  }
}

/** Every flow without a loop, each part named. */
function listFlows(): readonly (readonly string[])[] {
  const found: string[][] = [];
  const walk = (path: readonly string[]): void => {
    const last = flowSteps.find(({ id }) => id === path.at(-1));
    found.push([...path]);
    for (const { id, stage } of flowSteps) {
      if (last?.next.includes(stage) === true && !path.includes(id)) walk([...path, id]);
    }
  };
  for (const { id, stage } of flowSteps) if (stage !== 'effect' && stage !== 'read') walk([id]);
  return found;
}
