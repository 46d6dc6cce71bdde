import type { GuaranteeStatement } from '../model/guarantee.ts';
import { captureStatement } from './statements/capture.ts';
import { adoptedOutboxStatement, emitMessageStatement, emitOutboxStatement } from './statements/emit.ts';
import { journalStatement } from './statements/journal.ts';
import { natsStatement } from './statements/sink-nats.ts';
import { handlerStatement, kafkaStatement, postgresStatement } from './statements/sinks.ts';
import { viewStatement } from './statements/view.ts';
import { webhookStatement } from './statements/sink-webhook.ts';

/** Every statement of the product, in the direction of a change. */
export const statements: readonly GuaranteeStatement[] = [
  emitMessageStatement,
  emitOutboxStatement,
  adoptedOutboxStatement,
  captureStatement,
  journalStatement,
  kafkaStatement,
  natsStatement,
  postgresStatement,
  handlerStatement,
  webhookStatement,
  viewStatement,
];
