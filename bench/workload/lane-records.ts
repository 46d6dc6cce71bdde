import { createPgoutputDecoder } from '../../src/capture/postgres/pgoutput/pgoutput-decoder.ts';
import { toOutboundRecord } from '../../src/delivery/outbound-record.ts';
import { PartReader } from '../../src/delivery/part-reader.ts';
import { toOutboundMessages } from '../../src/delivery/sinks/kafka/outbound-message.ts';
import { type BatchRecord, encodeHeaders } from '../../src/delivery/sinks/kafka/record-batch.ts';
import { HeaderWriter } from '../../src/delivery/sinks/kafka/record-headers.ts';
import type { OutboundRecord } from '../../src/delivery/sink.ts';
import type { JournalReader } from '../../src/journal/journal-reader.ts';
import { sequenceZero } from '../../src/model/position.ts';

/** How both sides of the lane benchmark decode. */
export const laneDecoderOptions = { installation: 'main', outboxSchema: 'headwater', adoptedOutboxes: [] } as const;

/** The first `count` records of a journal as a lane hands them to its sink, all in memory. */
export async function readOutboundRecords(reader: JournalReader, count: number): Promise<OutboundRecord[]> {
  const parts = new PartReader(
    { sequence: sequenceZero, recordCount: 0 },
    { reader, createDecoder: () => createPgoutputDecoder(laneDecoderOptions) },
  );
  const records: OutboundRecord[] = [];
  while (records.length < count) {
    const part = parts.take();
    if (part === undefined) {
      await parts.advance();
      continue;
    }
    for (const record of part.records) {
      const outbound = toOutboundRecord(record, part.header, {});
      if (outbound !== undefined) records.push(outbound);
    }
  }
  parts.close();
  return records.slice(0, count);
}

/** The first `count` records of a journal, byte for byte as a Kafka lane writes them to `topic`, ready in memory. */
export async function readLaneRecords(reader: JournalReader, topic: string, count: number): Promise<BatchRecord[]> {
  const headers = new HeaderWriter();
  const records: BatchRecord[] = [];
  for (const outbound of await readOutboundRecords(reader, count)) {
    const { header, record } = outbound;
    for (const { id, key, value, operation, contentType, table } of toOutboundMessages(outbound, { topic })) {
      const written = headers.write({ id, operation, contentType, record, table, header });
      records.push({
        key: key === null ? null : Buffer.from(key),
        value: typeof value === 'string' ? Buffer.from(value) : value,
        sharedHeaders: [...written.sharedHeaders, encodeHeaders(written.headers)],
        headers: [],
      });
    }
  }
  return records.slice(0, count);
}
