import type { StreamInfo } from '@nats-io/jetstream';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { NatsClient } from './load-client.ts';
import type { ResolvedNatsOptions } from './nats-options.ts';
import type { NatsSession } from './nats-session.ts';

const nanosPerMs = 1_000_000;

/**
 * The stream of a lane, made when it is missing and the options say so.
 * @throws HW-NATS-006 with the command when it does not exist, HW-NATS-007 when it is not fit.
 */
export async function openRecordStream(
  session: NatsSession,
  { jetstream }: NatsClient,
  { options, signal }: { readonly options: ResolvedNatsOptions; readonly signal: AbortSignal },
): Promise<StreamInfo> {
  const { createStream, stream, subjectPrefix } = options;
  let info = await session.describe(stream, signal);
  if (info === undefined && createStream !== undefined) {
    const { maxAgeMs, maxBytes, replicas, subjects } = createStream;
    const config = {
      name: stream,
      subjects: [...subjects],
      storage: jetstream.StorageType.File,
      num_replicas: replicas,
      max_age: maxAgeMs * nanosPerMs,
      max_bytes: maxBytes === 0 ? -1 : maxBytes,
    };
    await session.create(config, signal);
    info = await session.describe(stream, signal);
  }
  if (info === undefined) {
    throw new HeadwaterError('HW-NATS-006', `the stream "${stream}" does not exist`, {
      hint: `nats stream add ${stream} --subjects '${subjectPrefix}.>' --storage file --replicas 3 --defaults`,
      details: { stream },
    });
  }
  assertFit(info);
  return info;
}

/**
 * The stream with the positions, made when it is missing: it must keep the last message of each lane for ever.
 * @throws HW-NATS-006 with the command when it cannot be made, HW-NATS-007 when it would lose positions.
 */
export async function openPositionStream(
  session: NatsSession,
  { jetstream }: NatsClient,
  { name, replicas, signal }: { readonly name: string; readonly replicas: number; readonly signal: AbortSignal },
): Promise<void> {
  let info = await session.describe(name, signal);
  if (info === undefined) {
    try {
      const config = {
        name,
        subjects: [`${name}.>`],
        storage: jetstream.StorageType.File,
        num_replicas: replicas,
        max_msgs_per_subject: 1,
      };
      await session.create(config, signal);
      info = await session.describe(name, signal);
    } catch (thrown) {
      const error = HeadwaterError.from(thrown);
      if (error.policy === 'retry') throw error;
      throw new HeadwaterError('HW-NATS-006', `the position stream "${name}" does not exist: ${error.message}`, {
        hint: `nats stream add ${name} --subjects '${name}.>' --max-msgs-per-subject 1 --storage file --defaults`,
        cause: error,
      });
    }
  }
  if (info === undefined) throw new HeadwaterError('HW-NATS-003', `the position stream "${name}" is not there yet`);
  assertFit(info);
  const { max_age: maxAge, max_bytes: maxBytes, max_msgs: maxMessages, retention } = info.config;
  if (maxAge > 0 || maxBytes > 0 || maxMessages > 0 || retention !== 'limits') {
    throw unfit(name, 'its retention would remove positions');
  }
}

/** @throws HW-NATS-007 */
function assertFit({ config }: StreamInfo): void {
  const { name } = config;
  if (config.mirror !== undefined) throw unfit(name, 'it is a mirror');
  if ((config.sources ?? []).length > 0)
    throw unfit(name, 'it has sources, whose messages would come between those of the lane');
  if (config.no_ack === true) throw unfit(name, 'it does not acknowledge (no_ack)');
  if (config.sealed) throw unfit(name, 'it is sealed');
  if (config.storage !== 'file') throw unfit(name, 'it is kept in memory');
  // Absent before NATS 2.12.
  const persistMode: string | undefined = config.persist_mode;
  if (persistMode === 'async') throw unfit(name, 'it acknowledges before it has written (persist_mode async)');
}

function unfit(stream: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-NATS-007', `the stream "${stream}" is not fit: ${reason}`, { details: { stream } });
}
