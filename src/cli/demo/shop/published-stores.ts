import pg from 'pg';

import { HeadwaterError } from '../../../foundation/error.ts';
import { type ProgramSettings, requireSetting } from '../child-program.ts';
import { sendToReceiver } from '../receiver-client.ts';
import { insertEffectStatement } from '../reports.sql.ts';
import { type EventStore, publishTo } from './publish.ts';

/** Connects what the naive order service publishes to: the receiver, the reports, and Kafka when there is one. */
export async function connectStores(settings: ProgramSettings): Promise<void> {
  const receiverPort = Number(requireSetting(settings, 'receiverPort'));
  const stores: EventStore[] = [
    (event) => sendToReceiver(receiverPort, event),
    connectReports(requireSetting(settings, 'reportsUrl')),
  ];
  if (settings['kafkaBrokers'] !== undefined) {
    const { connectKafka } = await import('./published-kafka.ts');
    stores.push(await connectKafka(settings['kafkaBrokers'], requireSetting(settings, 'kafkaTopic')));
  }
  publishTo(stores);
}

function connectReports(url: string): EventStore {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  pool.on('error', () => undefined);
  return async (event) => {
    try {
      await pool.query(insertEffectStatement, [event.id, event.orderId, event.type]);
    } catch (error) {
      throw HeadwaterError.from(error, 'HW-DEMO-002', 'the reports cannot be written');
    }
  };
}
