import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats, headers as createHeaders } from '@nats-io/transport-node';
import { connect as connectRabbitmq } from 'amqplib';

import { checkpointAfter } from '../../src/delivery/batch-planner.ts';
import { encodePositionHeaders } from '../../src/delivery/sinks/nats/lane-position.ts';
import { describeRecord } from '../../src/delivery/sinks/nats/message-headers.ts';
import { toOutboundMessages as toNatsMessages } from '../../src/delivery/sinks/nats/outbound-message.ts';
import { toOutboundMessages as toRabbitmqMessages } from '../../src/delivery/sinks/rabbitmq/outbound-message.ts';
import { signMessage } from '../../src/delivery/sinks/webhook/signature.ts';
import { toWebhookBody } from '../../src/delivery/sinks/webhook/webhook-body.ts';
import { parseSigningSecret } from '../../src/delivery/sinks/webhook/webhook-secret.ts';
import { inParallel, type OpenBareWriter } from './bare-writer.ts';
import { benchSecret, concurrency, natsStream, rabbitmqPlace } from './sink-kinds.ts';

/** The sink's default. */
const natsInFlightMax = 512;

/**
 * Each message with its id, the position behind it, from which a writer goes on that has lost its own, and the number that the
 * last one must have; 512 without an answer at once.
 */
export const openBareNats: OpenBareWriter = async (servers, records) => {
  const journalId = randomUUID();
  const messages = records.flatMap((record) => {
    const checkpoint = { ...checkpointAfter(journalId, record.header), recordCount: record.record.ordinal + 1 };
    const position = encodePositionHeaders('main/bench', { checkpoint, part: 0 });
    return toNatsMessages(record, { subjectPrefix: natsStream }).map((message) => ({
      ...message,
      lines: [...describeRecord(record, message), ...position],
    }));
  });
  const connection = await connectNats({ servers });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: natsStream, subjects: [`${natsStream}.>`] });
  const stream = jetstream(connection);
  return {
    write: (from, count) =>
      inParallel({ from, count, limit: natsInFlightMax }, async (index) => {
        const message = messages[index];
        if (message === undefined) return;
        const headers = createHeaders();
        for (const [name, value] of message.lines) headers.append(name, value);
        headers.append('Nats-Msg-Id', message.id);
        headers.append('Nats-Expected-Stream', natsStream);
        headers.append('Nats-Expected-Last-Sequence', String(index));
        await stream.publish(message.subject, message.payload, { headers });
      }),
    async [Symbol.asyncDispose]() {
      await connection.close();
    },
  };
};

/** Persistent and mandatory, with confirms, as many at once as the lane. */
export const openBareRabbitmq: OpenBareWriter = async (url, records) => {
  const options = { recordBytesMax: Number.MAX_SAFE_INTEGER, owner: 'main/bench' };
  const messages = records.flatMap((record) => toRabbitmqMessages(record, options));
  const connection = await connectRabbitmq(url);
  const channel = await connection.createConfirmChannel();
  return {
    write: (from, count) =>
      inParallel({ from, count, limit: concurrency.rabbitmq }, async (index) => {
        const message = messages[index];
        if (message === undefined) return;
        const { contentType, headers, id, payload, routingKey, timestampSeconds, type } = message;
        const confirmed = Promise.withResolvers<void>();
        channel.publish(
          rabbitmqPlace,
          routingKey,
          payload,
          {
            persistent: true,
            mandatory: true,
            messageId: id,
            type,
            appId: 'headwater',
            headers,
            timestamp: timestampSeconds,
            ...(contentType === undefined ? {} : { contentType }),
          },
          (error: unknown) => (error instanceof Error ? confirmed.reject(error) : confirmed.resolve()),
        );
        await confirmed.promise;
      }),
    async [Symbol.asyncDispose]() {
      await connection.close();
    },
  };
};

/** Signed requests over kept connections, as many at once as the lane. */
export const openBareWebhook: OpenBareWriter = (url, records) => {
  const messages = records.map((record) => ({ id: record.id, ...toWebhookBody(record) }));
  const key = parseSigningSecret(benchSecret);
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency.webhook });
  const send = async (index: number): Promise<void> => {
    const message = messages[index];
    if (message === undefined) return;
    const { bytes: body, contentType, id } = message;
    const timestamp = Math.floor(Date.now() / 1000);
    const sent = request(url, {
      method: 'POST',
      agent,
      headers: {
        'content-type': contentType,
        'content-length': body.byteLength,
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signMessage({ id, timestamp, body }, [key]),
      },
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
    const ended = once(response, 'end');
    response.resume();
    await ended;
    if (response.statusCode !== 204) throw new Error(`the receiver answered ${response.statusCode}`);
  };
  return Promise.resolve({
    write: (from, count) => inParallel({ from, count, limit: concurrency.webhook }, send),
    [Symbol.asyncDispose]() {
      agent.destroy();
      return Promise.resolve();
    },
  });
};
