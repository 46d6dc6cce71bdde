import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';

import { z } from 'zod';

import { skipReason } from '../../scripts/services/testing.ts';
import { effect } from '../application/effect/effect.ts';
import { inbox } from '../application/inbox/inbox.ts';
import { aMessage, dayMs, type InboxStage, openInboxStage } from '../application/inbox/testing/inbox-stage.ts';

const skip = await skipReason('postgres18');

describe('calls out of a flow', { skip }, () => {
  let stage: InboxStage;
  let bank: Server;
  let url: string;
  /** What the bank did: one charge for each request, but one for all requests with the same key. */
  const charges = new Map<string, number>();
  let requests = 0;
  before(async () => {
    stage = await openInboxStage();
    bank = createServer((request, response) => {
      requests += 1;
      const key = request.headers['idempotency-key'] ?? `request ${requests}`;
      charges.set(String(key), (charges.get(String(key)) ?? 0) + 1);
      response.end('charged');
    });
    bank.listen(0, '127.0.0.1');
    await once(bank, 'listening');
    url = `http://127.0.0.1:${(bank.address() as AddressInfo).port}/charges`;
  });
  after(async () => {
    bank.closeAllConnections();
    bank.close();
    await stage[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    requests = 0;
    charges.clear();
    await stage.database.query('truncate effects');
  });

  const charge = async (key?: string): Promise<string> => {
    const headers = key === undefined ? {} : { 'idempotency-key': key };
    return (await fetch(url, { method: 'POST', headers })).text();
  };

  it('without a key are made again when the transaction around them fails', async () => {
    let failures = 2;
    const billing = inbox('plain', { db: stage.pool, payload: z.unknown(), redeliveryMaxMs: dayMs }, async (tx) => {
      await charge();
      await tx.query("insert into effects (text) values ('paid')");
      if (failures-- > 0) throw new Error('the transaction fails');
    });
    const message = aMessage();
    await assert.rejects(billing.receive(message));
    await assert.rejects(billing.receive(message));
    assert.equal((await billing.receive(message)).kind, 'done');
    assert.equal((await billing.receive(message)).kind, 'duplicate');
    assert.deepEqual(await stage.effects(), ['paid'], 'effectively once at the store of the consumer');
    assert.equal(charges.size, 3, 'at least once beside it');
  });

  it('with a key take effect once, while the message comes again', async () => {
    let failures = 2;
    let answers = 1;
    const payment = effect('charge', {
      kind: 'keyed',
      call: async (_input: undefined, { key }) => {
        const answer = await charge(key);
        if (answers-- > 0) throw new Error('the answer is lost');
        return answer;
      },
    });
    const billing = inbox(
      'keyed',
      {
        db: stage.pool,
        payload: z.unknown(),
        redeliveryMaxMs: dayMs,
        prepare: (_message, run) => run(payment, undefined),
      },
      async (tx) => {
        await tx.query("insert into effects (text) values ('paid')");
        if (failures-- > 0) throw new Error('the transaction fails');
      },
    );
    const message = aMessage();
    for (let attempt = 1; attempt <= 3; attempt += 1) await assert.rejects(billing.receive(message));
    assert.equal((await billing.receive(message)).kind, 'done');
    assert.deepEqual(await stage.effects(), ['paid']);
    assert.ok(requests > 1, 'it was asked again');
    assert.equal(charges.size, 1, 'and charged once');
  });
});
