import { HeadwaterError } from '../../foundation/error.ts';
import type { Effect } from './damage.ts';
import { type DemoEvent, parseDemoEvent, readStep } from './demo-event.ts';
import { callJson } from './json-request.ts';

const SEND_TIMEOUT_MS = 2000;
const READ_TIMEOUT_MS = 5000;

/** Gives an event to the receiver and resolves when its ledger holds it durably. @throws HW-DEMO-002, on which one tries again */
export async function sendToReceiver(port: number, event: DemoEvent, signal?: AbortSignal): Promise<void> {
  const call = { port, path: '/events', body: event, timeoutMs: SEND_TIMEOUT_MS };
  try {
    const answer = await callJson(signal === undefined ? call : { ...call, signal });
    if (answer.statusCode === 200) return;
    throw new HeadwaterError('HW-DEMO-002', `the receiver answered ${answer.statusCode}`);
  } catch (error) {
    signal?.throwIfAborted();
    throw HeadwaterError.from(error, 'HW-DEMO-002', 'the receiver cannot be reached');
  }
}

/** Asks the receiver for its effects on orders whose id begins so, in the order of their arrival. @throws HW-DEMO-002 */
export async function readReceiverEffects(port: number, prefix: string): Promise<readonly Effect[]> {
  return (await readRows(port, `/effects?prefix=${encodeURIComponent(prefix)}`)).map(parseEffect);
}

/** How many events the receiver has dropped because it had had their ids. @throws HW-DEMO-002 */
export async function countRepetitions(port: number, prefix: string): Promise<number> {
  return (await readRows(port, `/repetitions?prefix=${encodeURIComponent(prefix)}`)).length;
}

async function readRows(port: number, path: string): Promise<readonly unknown[]> {
  try {
    const { body } = await callJson({ port, path, timeoutMs: READ_TIMEOUT_MS });
    const rows: readonly unknown[] | undefined = Array.isArray(body) ? body : undefined;
    if (rows !== undefined) return rows;
  } catch (error) {
    throw HeadwaterError.from(error, 'HW-DEMO-002', 'the receiver cannot be asked');
  }
  throw new HeadwaterError('HW-DEMO-002', 'the receiver did not answer with a list');
}

function parseEffect(row: unknown): Effect {
  if (typeof row === 'object' && row !== null && 'event_id' in row && 'order_id' in row && 'type' in row) {
    const event = parseDemoEvent({ id: row.event_id, orderId: row.order_id, type: row.type });
    const step = event === undefined ? undefined : readStep(event.type);
    if (event !== undefined && step !== undefined) return { eventId: event.id, orderId: event.orderId, step };
  }
  throw new HeadwaterError('HW-DEMO-002', 'the ledger of the receiver holds what is no event of the demo');
}
