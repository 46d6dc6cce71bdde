import { createPgoutputDecoder } from '../../src/capture/postgres/pgoutput/pgoutput-decoder.ts';
import { toOutboundRecord } from '../../src/delivery/outbound-record.ts';
import { PartReader } from '../../src/delivery/part-reader.ts';
import { toOutboundMessages } from '../../src/delivery/sinks/kafka/outbound-message.ts';
import { type BatchRecord, encodeHeaders } from '../../src/delivery/sinks/kafka/record-batch.ts';
import { HeaderWriter } from '../../src/delivery/sinks/kafka/record-headers.ts';
import type { JournalReader } from '../../src/journal/journal-reader.ts';
import { sequenceZero } from '../../src/model/position.ts';

/** How both sides of the lane benchmark decode. */
export const laneDecoderOptions = { installation: 'main', outboxSchema: 'headwater', adoptedOutboxes: [] } as const;

/** The first `count` records of a journal, byte for byte as a Kafka lane writes them to `topic`, ready in memory. */
export async function readLaneRecords(reader: JournalReader, topic: string, count: number): Promise<BatchRecord[]> {
  const parts = new PartReader(
    { sequence: sequenceZero, recordCount: 0 },
    { reader, createDecoder: () => createPgoutputDecoder(laneDecoderOptions) },
  );
  const headers = new HeaderWriter();
  const records: BatchRecord[] = [];
  while (records.length < count) {
    const part = parts.take();
    if (part === undefined) {
      await parts.advance();
      continue;
    }
    for (const record of part.records) {
      const outbound = toOutboundRecord(record, part.header, {});
      const messages = outbound === undefined ? [] : toOutboundMessages(outbound, { topic });
      for (const { id, key, value, operation, contentType, table } of messages) {
        const written = headers.write({ id, operation, contentType, record, table, header: part.header });
        records.push({
          key: key === null ? null : Buffer.from(key),
          value: typeof value === 'string' ? Buffer.from(value) : value,
          sharedHeaders: [...written.sharedHeaders, encodeHeaders(written.headers)],
          headers: [],
        });
      }
    }
  }
  parts.close();
  return records.slice(0, count);
}
