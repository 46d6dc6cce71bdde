import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** The file sink. */
export const fileStatement: GuaranteeStatement = {
  version: 1,
  id: 'file',
  title: 'records as JSON lines in files, in commit order',
  resolution: 'idempotent-receiver',
  replaces: ['an atomic commit of PostgreSQL and a file system'],
  remains: [
    {
      boundary: { id: 'journal → files', kind: 'projection' },
      effects: [
        {
          subject: 'a record as a line of a finished file',
          cardinality: 'effectively-once',
          by: 'lines and position in one frame with a checksum, and everything behind the last whole frame cut before the next write',
        },
        { subject: 'a line at a reader', cardinality: 'at-least-once' },
      ],
      atomicity: 'atomic-partial-states-visible',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'total', basis: 'commit' },
      ack: 'committed',
      failure: [
        'kill, power cut, failed write or flush: the position is read back from the open file and the lane goes on from it',
        'disk full: what was written of the batch is cut, and the lane waits',
        'missing directory, missing right, another writer, an open file that cannot be read: the lane stops with a named error',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the last whole frame of the open file, then the journal' },
    },
  ],
  duplicates:
    'None in finished files. Every line carries its stable id, by which a reader that starts over drops repetitions.',
  blockedBy: ['a full disk: the lane waits', 'one record whose mapped value is no JSON: its lane stops, others go on'],
  prerequisites: [
    'a local file system whose flush is durable',
    'readers that take finished files only and skip lines whose op is checkpoint',
  ],
  residual: [
    'whoever changes or removes the open file can lose the position: the lane stops by name',
    'which finished files a reader has taken is its own to remember',
  ],
  cost: ['one flush per batch', 'one line of some 300 bytes per batch, for the position'],
  claims: [
    {
      text: 'Every record once, in order.',
      heldBy: 'the sink file > writes every record once and keeps the order of each key',
    },
    {
      text: 'A kill between lines and position, or behind both, repeats nothing.',
      heldBy: 'the sink file > gives effects as stated when its process is killed between an effect and the checkpoint',
    },
    {
      text: 'A kill at any step loses and doubles no line.',
      heldBy:
        'the file sink > holds every line once when its process is killed again and again, each time at another step',
    },
    {
      text: 'A power cut at any step loses and doubles no line, and finished files are whole.',
      heldBy:
        'the files of a lane, compression none > hold each line once after a power cut at any step, and finished files hold whole batches only',
    },
    {
      text: 'A failed flush is not believed later.',
      heldBy:
        'the files of a lane, compression none > hold each line once after a failure at any step, also when the power is cut later',
    },
    {
      text: 'A full disk loses and doubles nothing.',
      heldBy: 'the files of a lane, compression none > wait for room on a full disk, and lose and double nothing',
    },
    {
      text: 'Readers may take finished files away.',
      heldBy: 'the open file of a lane > keeps the position when readers have taken every finished file away',
    },
    {
      text: 'A second writer is refused by name.',
      heldBy:
        'the file sink > refuses a directory that another process writes, and takes it over when that one is killed',
    },
  ],
};
