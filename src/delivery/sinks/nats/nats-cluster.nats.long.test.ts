import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PrivateNats, skipReason, startPrivateNats } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { createSeededRandom } from '../../../foundation/random.ts';
import { findLoopbackPort } from '../../../postgres/loopback-port.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { testEvent } from '../../../testing/memory-journal.ts';
import { natsSink } from './nats-sink.ts';
import { idsOf } from './testing/open-nats-sink.ts';
import { TestStreams } from './testing/test-streams.ts';

const transactionCount = 3_000;
const stream = 'RECORDS';

/** Three servers that replicate to each other. */
async function startCluster(): Promise<PrivateNats[]> {
  const ports = await Promise.all([1, 2, 3].map(() => findLoopbackPort()));
  const routes = ports.map((port) => `nats-route://127.0.0.1:${port}`).join(', ');
  return Promise.all(
    ports.map((port) =>
      startPrivateNats({ settings: `cluster { name: test, listen: "127.0.0.1:${port}", routes: [ ${routes} ] }` }),
    ),
  );
}

test(
  'three replicas whose leader is killed again and again have every record once, in order',
  { skip: await skipReason('privateNats') },
  async (t) => {
    const seed = 20_261_127;
    t.diagnostic(`seed ${seed}`);
    const random = createSeededRandom(seed);
    const cluster = await startCluster();
    await using owned = new AsyncDisposableStack();
    for (const server of cluster) owned.use(server);
    const servers = cluster.map(({ address }) => address);
    const open = () => TestStreams.open(servers.find((_, index) => cluster[index]?.isRunning) ?? '');
    {
      await using streams = await open();
      await waitUntil('three replicas can be made', () =>
        streams.create(stream, { num_replicas: 3 }).then(
          () => true,
          () => false,
        ),
      );
    }
    await using stage = new LaneStage();
    const sink = natsSink({ servers, stream, requestTimeoutMs: 3_000, connectTimeoutMs: 2_000 });
    const lane = stage.lane({ sink, batch: { recordCountMax: 50 } });
    await lane.start();
    for (let number = 0; number < transactionCount; number += 1) {
      stage.journal.append([testEvent(`key-${number % 7}`, `id-${number}`)]);
    }
    const drained = lane.drain();
    for (let kill = 1; kill <= 4; kill += 1) {
      const moment = BigInt(Math.floor((transactionCount * (kill - random.next())) / 5));
      await waitUntil('the moment', () => (lane.status().checkpoint?.sequence ?? 0n) >= moment, 60_000);
      const leader = await leaderOf(cluster, open);
      await leader.kill();
      await leader.restart();
    }
    await drained;
    await lane.stop();
    assert.ok(lane.status().retryCount > 0, 'the faults were met');
    await using streams = await open();
    const expected = Array.from({ length: transactionCount }, (_, number) => `id-${number}`);
    assert.deepEqual(idsOf(await streams.read(stream)), expected);
  },
);

async function leaderOf(cluster: readonly PrivateNats[], open: () => Promise<TestStreams>): Promise<PrivateNats> {
  await using streams = await open();
  const names = new Map(cluster.map((server) => [server.name, server]));
  let leader: PrivateNats | undefined;
  await waitUntil('the stream has a leader', async () => {
    const info = await streams.manager.streams.info(stream).catch(() => undefined);
    leader = names.get(info?.cluster?.leader ?? '');
    return leader !== undefined;
  });
  assert.ok(leader !== undefined);
  return leader;
}
