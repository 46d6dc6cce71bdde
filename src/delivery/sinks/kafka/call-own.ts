import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import type { OutboundRecord } from '../../sink.ts';

/** Asks a function of the user about a record. @throws HW-KAFKA-022 when it throws. */
export function callOwn<Result>(
  name: 'topic' | 'headers',
  own: (record: JournalRecord, transaction: TransactionHeader) => Result,
  { header, id, record }: OutboundRecord,
): Result {
  try {
    return own(record, header);
  } catch (thrown) {
    throw new HeadwaterError('HW-KAFKA-022', `the option "${name}" of the Kafka sink threw for record ${id}`, {
      cause: thrown,
      details: { recordId: id, option: name },
    });
  }
}
