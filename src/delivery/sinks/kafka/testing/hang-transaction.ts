import * as client from '@platformatic/kafka';
import { systemClock } from '../../../../foundation/clock.ts';
import { isBusy } from '../kafka-error.ts';
import { sendProduceRequest } from '../produce-request.ts';
import { type BatchRecord, RecordBatchBuilder } from '../record-batch.ts';

/** Where a record of a transaction is to be left open. */
export interface HangPlace {
  readonly broker: string;
  readonly transactionalId: string;
  readonly topic: string;
  readonly partition: number;
  /** How many records of this epoch the producer has written there. */
  readonly writtenCount: number;
}

/**
 * Leaves a transaction open in one partition that its coordinator does not know: a record of the lane's own producer that was
 * never announced. Needs a broker with `transaction.partition.verification.enable=false`. Consumers see the same when a broker
 * loses the marker of a partition.
 */
export async function hangTransaction(place: HangPlace, record: Pick<BatchRecord, 'key' | 'value'>): Promise<void> {
  await withBroker(place.broker, async (connection) => {
    const { transactionStates } = await client.describeTransactionsV0.api.async(connection, [place.transactionalId]);
    const [{ producerEpoch, producerId } = { producerEpoch: -1, producerId: -1n }] = transactionStates;
    const batch = new RecordBatchBuilder(1024);
    batch.append({ ...record, sharedHeaders: [], headers: [] });
    const timestampMs = BigInt(systemClock.now());
    const producer = { producerId, producerEpoch, firstSequence: place.writtenCount, timestampMs };
    const bytes = batch.encode(producer, client.crc32c, undefined);
    const { partition, topic, transactionalId } = place;
    const batches = [{ topic, partition, recordCount: 1, bytes }];
    await sendProduceRequest(client, connection, { transactionalId, timeoutMs: 5_000, batches });
  });
}

/** Takes a new epoch, as a process does that dies right behind it: the coordinator forgets how the last transaction ended. */
export async function takeEpoch(broker: string, transactionalId: string): Promise<void> {
  await withBroker(broker, async (connection) => {
    for (;;) {
      try {
        await client.initProducerIdV4.api.async(connection, transactionalId, 10_000, -1n, -1);
        return;
      } catch (thrown) {
        if (!isBusy(thrown)) throw thrown;
        await systemClock.sleep(5);
      }
    }
  });
}

/** Resolves when the coordinator is through with the last transaction, its markers included. */
export async function untilCompleted(broker: string, transactionalId: string): Promise<void> {
  await withBroker(broker, async (connection) => {
    for (;;) {
      const { transactionStates } = await client.describeTransactionsV0.api.async(connection, [transactionalId]);
      if (transactionStates[0]?.transactionState === 'CompleteCommit') return;
      await systemClock.sleep(5);
    }
  });
}

async function withBroker(broker: string, use: (connection: client.Connection) => Promise<void>): Promise<void> {
  const connection = new client.Connection('headwater-test');
  connection.on('error', () => {});
  const [host = '', port] = broker.split(':');
  await connection.connect(host, Number(port));
  try {
    await use(connection);
  } finally {
    await connection.close();
  }
}
