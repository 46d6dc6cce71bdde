import type { GuaranteeStatement } from '../model/guarantee.ts';
import { captureStatement } from './statements/capture.ts';
import { adoptedOutboxStatement, emitMessageStatement, emitOutboxStatement } from './statements/emit.ts';
import { journalStatement } from './statements/journal.ts';
import { parkingStatement } from './statements/parking.ts';
import { handlerStatement, kafkaStatement, postgresStatement } from './statements/sinks.ts';

/** Every statement of the product, in the direction of a change. */
export const statements: readonly GuaranteeStatement[] = [
  emitMessageStatement,
  emitOutboxStatement,
  adoptedOutboxStatement,
  captureStatement,
  journalStatement,
  kafkaStatement,
  postgresStatement,
  handlerStatement,
  parkingStatement,
];
