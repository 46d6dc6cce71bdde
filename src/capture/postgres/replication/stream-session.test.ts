import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { HeadwaterError } from '../../../foundation/error.ts';
import { silentLogger } from '../../../foundation/logger.ts';
import { FakeClock } from '../../../foundation/testing/fake-clock.ts';
import { lsnZero } from '../../../model/lsn.ts';
import { MemoryRecorder } from '../../testing/memory-recorder.ts';
import { uint32 } from '../../testing/stream-bytes.ts';
import type { StreamListener } from './replication-connection.ts';
import { StreamSession } from './stream-session.ts';

const livenessTimeoutMs = 2000;
/** CopyBothResponse: what START_REPLICATION is answered with. */
const answer = Buffer.concat([Buffer.from('W'), uint32(7), Buffer.from([0, 0, 0])]);

interface Rig {
  readonly clock: FakeClock;
  readonly session: StreamSession;
  /** How the opening of the stream ended, once it did. */
  readonly opening: Promise<'begun' | HeadwaterError>;
  readonly receive: (bytes: Buffer) => void;
}

/** A session that has asked for its stream; the test says byte for byte what the server answers. */
function createRig(): Rig {
  const clock = new FakeClock();
  let listener: StreamListener | undefined;
  const session = new StreamSession({
    connection: {
      backendPid: 1,
      serverVersion: 180_000,
      sessionSettings: {},
      identifySystem: () => Promise.reject(new Error('not asked for')),
      createSlot: () => Promise.reject(new Error('not asked for')),
      start: (_start, given) => {
        listener = given;
        return { pause: () => undefined, resume: () => undefined, send: () => undefined };
      },
      close: () => Promise.resolve(),
    },
    recorder: new MemoryRecorder(),
    start: { slotName: 'slot', publicationNames: ['headwater'] },
    limits: {
      intervalMs: 0,
      floodIntervalMs: 0,
      byteCount: 1_000_000,
      spillByteCount: 1_000_000,
      pendingByteCountMax: 1_000_000,
      statusIntervalMs: 100,
      livenessTimeoutMs,
    },
    id: 'one',
    clock,
    logger: silentLogger,
    onCanary: () => undefined,
  });
  const opening = session.open().then(
    () => 'begun' as const,
    (thrown: unknown) => HeadwaterError.from(thrown),
  );
  return { clock, session, opening, receive: (bytes) => listener?.bytes(bytes, false) };
}

describe('stream session', () => {
  for (let length = 0; length < answer.length; length += 1) {
    test(`gives up a connection that falls silent behind ${length} of ${answer.length} bytes of its first answer`, async () => {
      const { clock, opening, receive, session } = createRig();
      if (length > 0) receive(answer.subarray(0, length));
      clock.advance(livenessTimeoutMs);
      // Ends a session that waits for ever, so that the test says so and does not wait as well.
      await session.end();
      const ended = await opening;
      assert.equal(ended === 'begun' ? ended : ended.code, 'HW-SOURCE-029');
    });
  }

  test('counts no silence behind a whole answer while its slot is being checked', async () => {
    const { clock, opening, receive, session } = createRig();
    receive(answer.subarray(0, 3));
    clock.advance(livenessTimeoutMs - 1);
    receive(answer.subarray(3));
    clock.advance(10 * livenessTimeoutMs);
    assert.equal(await opening, 'begun');
    const ended = session.run(lsnZero);
    clock.advance(livenessTimeoutMs - 1);
    await session.end();
    assert.equal(await ended, undefined, 'it was there until its end');
  });

  test('gives up a connection that falls silent in the midst of its stream', async () => {
    const { clock, opening, receive, session } = createRig();
    receive(answer);
    assert.equal(await opening, 'begun');
    const ended = session.run(lsnZero);
    clock.advance(livenessTimeoutMs);
    await session.end();
    assert.equal((await ended)?.code, 'HW-SOURCE-029');
  });
});
