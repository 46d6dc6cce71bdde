import { captureErrorCodes } from './error-codes/capture.ts';
import { composeErrorCodes } from './error-codes/compose.ts';
import { configErrorCodes } from './error-codes/config.ts';
import { demoErrorCodes } from './error-codes/demo.ts';
import { devErrorCodes } from './error-codes/dev.ts';
import { embeddedErrorCodes } from './error-codes/embedded.ts';
import { emitErrorCodes } from './error-codes/emit.ts';
import { eventsErrorCodes } from './error-codes/events.ts';
import { fileErrorCodes } from './error-codes/file.ts';
import { guardErrorCodes } from './error-codes/guard.ts';
import { inboxErrorCodes } from './error-codes/inbox.ts';
import { idempotencyErrorCodes } from './error-codes/idempotency.ts';
import { internalErrorCodes } from './error-codes/internal.ts';
import { journalErrorCodes } from './error-codes/journal.ts';
import { kafkaErrorCodes } from './error-codes/kafka.ts';
import { laneErrorCodes } from './error-codes/lane.ts';
import { natsErrorCodes } from './error-codes/nats.ts';
import { objectsErrorCodes } from './error-codes/objects.ts';
import { rabbitmqErrorCodes } from './error-codes/rabbitmq.ts';
import { redisErrorCodes } from './error-codes/redis.ts';
import { serviceErrorCodes } from './error-codes/service.ts';
import { setupErrorCodes } from './error-codes/setup.ts';
import { sinkErrorCodes } from './error-codes/sink.ts';
import { sourceErrorCodes } from './error-codes/source.ts';
import { tokenErrorCodes } from './error-codes/token.ts';
import { transactErrorCodes } from './error-codes/transact.ts';
import { viewErrorCodes } from './error-codes/view.ts';
import { webhookErrorCodes } from './error-codes/webhook.ts';
import { sqliteErrorCodes } from './error-codes/sqlite.ts';
import type { ErrorDefinition } from './error-definition.ts';

/** Every code that an error can carry. */
export type ErrorCode =
  | keyof typeof internalErrorCodes
  | keyof typeof composeErrorCodes
  | keyof typeof configErrorCodes
  | keyof typeof sourceErrorCodes
  | keyof typeof captureErrorCodes
  | keyof typeof journalErrorCodes
  | keyof typeof laneErrorCodes
  | keyof typeof sinkErrorCodes
  | keyof typeof kafkaErrorCodes
  | keyof typeof natsErrorCodes
  | keyof typeof rabbitmqErrorCodes
  | keyof typeof webhookErrorCodes
  | keyof typeof redisErrorCodes
  | keyof typeof fileErrorCodes
  | keyof typeof sqliteErrorCodes
  | keyof typeof viewErrorCodes
  | keyof typeof emitErrorCodes
  | keyof typeof eventsErrorCodes
  | keyof typeof transactErrorCodes
  | keyof typeof tokenErrorCodes
  | keyof typeof guardErrorCodes
  | keyof typeof inboxErrorCodes
  | keyof typeof idempotencyErrorCodes
  | keyof typeof objectsErrorCodes
  | keyof typeof serviceErrorCodes
  | keyof typeof setupErrorCodes
  | keyof typeof embeddedErrorCodes
  | keyof typeof devErrorCodes
  | keyof typeof demoErrorCodes;

/** The closed list of error codes. Each entry is the page that `headwater explain CODE` prints. */
export const errorCodes: Readonly<Record<ErrorCode, ErrorDefinition>> = {
  ...internalErrorCodes,
  ...composeErrorCodes,
  ...configErrorCodes,
  ...sourceErrorCodes,
  ...captureErrorCodes,
  ...journalErrorCodes,
  ...laneErrorCodes,
  ...sinkErrorCodes,
  ...kafkaErrorCodes,
  ...natsErrorCodes,
  ...rabbitmqErrorCodes,
  ...webhookErrorCodes,
  ...redisErrorCodes,
  ...fileErrorCodes,
  ...sqliteErrorCodes,
  ...viewErrorCodes,
  ...emitErrorCodes,
  ...eventsErrorCodes,
  ...transactErrorCodes,
  ...tokenErrorCodes,
  ...guardErrorCodes,
  ...inboxErrorCodes,
  ...idempotencyErrorCodes,
  ...objectsErrorCodes,
  ...serviceErrorCodes,
  ...setupErrorCodes,
  ...embeddedErrorCodes,
  ...devErrorCodes,
  ...demoErrorCodes,
};

/** The page of a code. */
export function errorDefinition(code: ErrorCode): ErrorDefinition {
  return errorCodes[code];
}

/** Narrows text that a user typed to a known code. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text);
}
