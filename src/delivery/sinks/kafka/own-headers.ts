import { HeadwaterError } from '../../../foundation/error.ts';
import type { OutboundRecord } from '../../sink.ts';
import { callOwn } from './call-own.ts';
import type { KafkaHeaders } from './kafka-options.ts';
import { isReservedHeader } from './record-headers.ts';

/** Names and values, in the order of the user's object. */
export type OwnHeaders = readonly (readonly [name: string, value: string])[];

const none: OwnHeaders = [];

/**
 * The headers that the user adds to a record; those with the value undefined are left out. Pure.
 * @throws HW-KAFKA-022 when the function throws or returns no texts, HW-KAFKA-023 when it names a header of Headwater.
 */
export function readOwnHeaders(outbound: OutboundRecord, headers: KafkaHeaders | undefined): OwnHeaders {
  if (headers === undefined) return none;
  const given: unknown = callOwn('headers', headers, outbound);
  if (given === undefined) return none;
  if (typeof given !== 'object' || given === null || given instanceof Promise) throw unusable(outbound, 'no object');
  const own: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (name === '' || typeof value !== 'string') throw unusable(outbound, `"${name}" that is no text`);
    if (isReservedHeader(name)) throw reserved(outbound, name);
    own.push([name, value]);
  }
  return own;
}

function unusable({ id }: OutboundRecord, what: string): HeadwaterError {
  return new HeadwaterError(
    'HW-KAFKA-022',
    `the option "headers" of the Kafka sink returned ${what} for record ${id}`,
    {
      details: { recordId: id, option: 'headers' },
    },
  );
}

function reserved({ id }: OutboundRecord, name: string): HeadwaterError {
  return new HeadwaterError('HW-KAFKA-023', `the header "${name}" of record ${id} has a name of Headwater's own`, {
    details: { recordId: id, header: name },
  });
}
