import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { toSequence } from '../../../model/position.ts';
import { checkpointBehind } from '../../checkpoint.ts';
import { findPosition, type FoundPosition } from './find-position.ts';
import type { PositionEntry } from './lane-position.ts';

const at = (sequence: bigint) => checkpointBehind('journal', toSequence(sequence));
const entry: PositionEntry = {
  writer: 'w',
  stream: 'ORDERS',
  created: '2026-01-01T00:00:00Z',
  streamSequence: 10,
  checkpoint: at(5n),
  part: 0,
};
const own = (sequence: bigint, part = 0) => ({ kind: 'own', position: { checkpoint: at(sequence), part } }) as const;
const foreign = { kind: 'foreign' } as const;
const gone = { kind: 'gone' } as const;
const remade = { created: '2026-02-02T00:00:00Z' };

type Outcome =
  | { readonly sequence: bigint | undefined; readonly part?: number; readonly isBehind?: boolean }
  | ErrorCode;

const cases: Readonly<Record<string, readonly [found: Partial<FoundPosition>, outcome: Outcome]>> = {
  'nothing was ever published': [{ entry: undefined, lastSequence: 0 }, { sequence: undefined }],
  'the stream has older messages of somebody else': [{ entry: undefined, last: foreign }, { sequence: undefined }],
  'the stream had messages that are gone': [{ entry: undefined }, { sequence: undefined }],
  'the position stream is gone, the message tells': [{ entry: undefined, last: own(7n) }, { sequence: 7n }],
  'nothing was published behind the kept position': [{ last: own(5n) }, { sequence: 5n }],
  'everything was removed by retention or a purge': [{ last: gone }, { sequence: 5n }],
  'the lane only took over': [{ entry: { ...entry, checkpoint: undefined }, last: foreign }, { sequence: undefined }],
  'a batch was interrupted': [{ lastSequence: 13, last: own(6n) }, { sequence: 6n }],
  'a record was interrupted': [
    { lastSequence: 13, last: own(6n, 2) },
    { sequence: 6n, part: 2 },
  ],
  'a batch was interrupted and its end is gone': [{ lastSequence: 13, last: gone }, 'HW-NATS-013'],
  'somebody else published': [{ lastSequence: 13, last: foreign }, 'HW-NATS-012'],
  'somebody else published, and that is accepted': [
    { lastSequence: 13, last: foreign, acceptStreamSequence: 13 },
    { sequence: 5n },
  ],
  'another message than the accepted one': [
    { lastSequence: 14, last: foreign, acceptStreamSequence: 13 },
    'HW-NATS-012',
  ],
  'an older copy was restored': [
    { lastSequence: 8, last: own(4n) },
    { sequence: 4n, isBehind: true },
  ],
  'an older copy was restored and its end is gone': [{ lastSequence: 8, last: gone }, 'HW-NATS-014'],
  'the stream was made again': [{ ...remade, lastSequence: 0 }, 'HW-NATS-014'],
  'the stream was made again and has as many messages': [{ ...remade, last: foreign }, 'HW-NATS-014'],
  'the stream was made again from a copy': [
    { ...remade, last: own(4n) },
    { sequence: 4n, isBehind: true },
  ],
  'the lane was given another stream': [{ stream: 'OTHER', last: foreign }, 'HW-NATS-014'],
};

describe('the position of a lane in a stream', () => {
  for (const [name, [found, outcome]] of Object.entries(cases)) {
    test(`is found, or refused by name: ${name}`, () => {
      const find = () =>
        findPosition({
          stream: 'ORDERS',
          created: entry.created,
          lastSequence: 10,
          last: gone,
          entry,
          acceptStreamSequence: undefined,
          ...found,
        });
      if (typeof outcome === 'string') {
        assert.throws(find, (error: unknown) => error instanceof HeadwaterError && error.code === outcome);
        return;
      }
      const { checkpoint, isBehind, part } = find();
      assert.equal(checkpoint?.sequence, outcome.sequence);
      assert.equal(part, outcome.part ?? 0);
      assert.equal(isBehind, outcome.isBehind ?? false);
    });
  }
});
