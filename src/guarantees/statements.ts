import type { GuaranteeStatement } from '../model/guarantee.ts';
import { captureStatement } from './statements/capture.ts';
import { adoptedOutboxStatement, emitMessageStatement, emitOutboxStatement } from './statements/emit.ts';
import { consumersStatement, effectStatement, inboxStatement } from './statements/inbox.ts';
import { idempotencyStatement } from './statements/idempotency.ts';
import { journalStatement } from './statements/journal.ts';
import { fileStatement } from './statements/sink-file.ts';
import { natsStatement } from './statements/sink-nats.ts';
import { rabbitmqStatement } from './statements/sink-rabbitmq.ts';
import { redisStatement } from './statements/sink-redis.ts';
import { parkingStatement } from './statements/parking.ts';
import { sqliteStatement } from './statements/sink-sqlite.ts';
import { handlerStatement, kafkaStatement, postgresStatement } from './statements/sinks.ts';
import { transactStatement, versionTokenStatement } from './statements/transact.ts';
import { viewStatement } from './statements/view.ts';
import { webhookStatement } from './statements/sink-webhook.ts';

/** Every statement of the product, in the direction of a change. */
export const statements: readonly GuaranteeStatement[] = [
  transactStatement,
  emitMessageStatement,
  emitOutboxStatement,
  adoptedOutboxStatement,
  idempotencyStatement,
  captureStatement,
  journalStatement,
  kafkaStatement,
  natsStatement,
  rabbitmqStatement,
  postgresStatement,
  redisStatement,
  sqliteStatement,
  fileStatement,
  handlerStatement,
  webhookStatement,
  parkingStatement,
  viewStatement,
  versionTokenStatement,
  inboxStatement,
  consumersStatement,
  effectStatement,
];
