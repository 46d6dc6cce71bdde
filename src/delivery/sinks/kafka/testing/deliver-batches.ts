import { systemClock } from '../../../../foundation/clock.ts';
import { systemRandom } from '../../../../foundation/random.ts';
import { retry } from '../../../../foundation/retry.ts';
import { isSameCheckpoint } from '../../../checkpoint.ts';
import type { OutboundBatch, OutboundRecord, Sink } from '../../../sink.ts';
import { sampleEvent, sampleOutbound } from './sample-records.ts';
import type { ConsumedRecord } from './test-topics.ts';

const deliverySignal = new AbortController().signal;

/** The ids in the headers of what was consumed. */
export const idsOf = (records: readonly ConsumedRecord[]): (string | undefined)[] =>
  records.map(({ headers }) => headers.find(([name]) => name === 'headwater-id')?.[1]);

/** An event of one key with an id by its sequence. */
export function event(sequence: number): OutboundRecord {
  return sampleOutbound(sampleEvent({ id: `id-${sequence}`, key: 'k' }), { sequence });
}

/** Writes as a lane does: after a failure it asks for the place and goes on from there. */
export async function deliver(sink: Sink, batch: OutboundBatch): Promise<void> {
  let mustAsk = false;
  await retry(
    async () => {
      if (mustAsk) {
        const held = await sink.readCheckpoint(deliverySignal);
        if (held !== undefined && isSameCheckpoint(held, batch.to)) return;
      }
      mustAsk = true;
      await sink.write(batch, deliverySignal);
    },
    {
      policy: { initialDelayMs: 20, maxDelayMs: 200, maxAttempts: 200 },
      clock: systemClock,
      random: systemRandom,
    },
  );
}
