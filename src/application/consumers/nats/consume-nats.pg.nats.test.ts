import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { natsServers, skipReason } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { natsSink } from '../../../delivery/sinks/nats/nats-sink.ts';
import { TestStreams } from '../../../delivery/sinks/nats/testing/test-streams.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { testEvent } from '../../../testing/memory-journal.ts';
import { type InboxStage, openInboxStage } from '../../inbox/testing/inbox-stage.ts';
import { consumedInbox, runConsumer, type RunningConsumer } from '../testing/consumed-inbox.ts';
import { killAt, killPoints } from '../testing/kill-points.ts';
import { consumeNats, type NatsConsumerOptions } from './consume-nats.ts';

const skip = await skipReason('postgres18', 'nats');

describe('the NATS consumer', { skip }, () => {
  let stage: InboxStage;
  let servers: string;
  let streams: TestStreams;
  before(async () => {
    stage = await openInboxStage();
    servers = await natsServers();
    streams = await TestStreams.open(servers);
  });
  after(async () => {
    await streams[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    for (const table of ['effects', 'headwater.inbox', 'headwater.inbox_held']) {
      await stage.database.query(`truncate ${table}`);
    }
  });

  /** A stream with what the sink sends for these orders, and a durable consumer of it. */
  const fill = async (orderIds: readonly string[]): Promise<string> => {
    const stream = await streams.createNew('INBOX');
    await using lanes = new LaneStage();
    const lane = lanes.lane({ sink: natsSink({ servers, stream }) }, stream);
    await lane.start();
    for (const orderId of orderIds)
      lanes.journal.append([testEvent('k ü%', `id-${orderId}`, JSON.stringify({ orderId }))]);
    await lane.drain();
    await lane.stop();
    await streams.manager.consumers.add(stream, {
      durable_name: 'billing',
      ack_policy: 'explicit',
      ack_wait: 1_000_000_000,
    });
    return stream;
  };
  const start = (stream: string, options: Partial<NatsConsumerOptions> = {}): RunningConsumer =>
    runConsumer((signal) =>
      consumeNats({
        inbox: consumedInbox(stage.pool),
        signal,
        stream,
        consumer: 'billing',
        connect: () => connect({ servers }),
        ...options,
      }),
    );
  const pendingCount = async (stream: string): Promise<number> => {
    const { num_ack_pending: unacknowledged, num_pending: unseen } = await streams.manager.consumers.info(
      stream,
      'billing',
    );
    return unacknowledged + unseen;
  };

  test('takes what the sink has sent in order, parks what it cannot take, and acknowledges all of it', async () => {
    const stream = await fill(['0', '1', 'poison', '2']);
    const billing = consumedInbox(stage.pool);
    await using _ = start(stream, { inbox: billing });
    await streams.publish(`${stream}.other`, 'foreign');
    await waitUntil('all are acknowledged', async () => (await pendingCount(stream)) === 0);
    assert.deepEqual(await stage.effects(), ['0', '1', '2']);
    const held = await billing.held();
    assert.deepEqual(held.map(({ id, reason }) => [id, reason.split(':')[0]]).sort(), [
      [`${stream}/5`, 'unreadable'],
      ['id-poison', 'rejected'],
    ]);
    assert.equal(held.find(({ id }) => id === 'id-poison')?.key, 'k ü%');
  });

  for (const point of killPoints) {
    test(`has one effect for each message when it is killed ${point}`, async () => {
      const stream = await fill(['0', '1', '2', '3']);
      await killAt({ kind: 'nats', databaseUrl: stage.url, server: servers, source: stream, point, orderId: '2' });
      await using _ = start(stream);
      await waitUntil('all are acknowledged', async () => (await pendingCount(stream)) === 0);
      assert.deepEqual((await stage.effects()).sort(), ['0', '1', '2', '3']);
    });
  }

  test('refuses a consumer that acknowledges by itself', async () => {
    const stream = await fill([]);
    await streams.manager.consumers.add(stream, { durable_name: 'careless', ack_policy: 'none' });
    await assert.rejects(start(stream, { consumer: 'careless' }).ended, { code: 'HW-INBOX-002' });
  });
});
