import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** The view in memory. */
export const viewStatement: GuaranteeStatement = {
  version: 1,
  id: 'view',
  title: 'tables in the memory of the application, always between two commits',
  resolution: 'idempotent-receiver',
  replaces: ['a cache that the application writes beside its commit'],
  remains: [
    {
      boundary: { id: 'journal → view', kind: 'process' },
      effects: [
        {
          subject: 'a source transaction in the view',
          cardinality: 'effectively-once',
          by: 'rows and position in the same memory, changed in one go and lost together',
        },
      ],
      atomicity: 'atomic',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'total', basis: 'commit' },
      ack: 'processed',
      failure: [
        'the process dies: the view is rebuilt from the journal, and refuses to answer until it is',
        'more rows than maxBytes, rows without a key, a function that throws: the lane stops with a named error and the view stays at its position',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the beginning of the lane in the journal, or a new copy' },
    },
  ],
  duplicates: 'None in the view: rows and position change together.',
  blockedBy: ['one transaction that the view cannot take: its lane stops, others go on'],
  prerequisites: ['tables with a key', 'a journal that reaches back, or a lane with start: snapshot'],
  residual: [
    'the view follows its source: an answer is true of its position, which it tells, and not of now',
    'bytes are estimated, not measured',
  ],
  cost: ['the rows in memory', 'a rebuild at each start of the process'],
  claims: [
    {
      text: 'No read sees a part of a transaction, while many clients write.',
      heldBy:
        'a view of a PostgreSQL database > shows the same sum at every read, while many clients transfer between accounts',
    },
    {
      text: 'Nor of one that comes in several batches.',
      heldBy: 'a view > never shows a part of a transaction that comes in parts',
    },
    {
      text: 'The view is the fold of the changes of its tables.',
      heldBy:
        'a view under random transactions > equals the fold of their changes after each, at every size of batches',
    },
    {
      text: 'After a kill it is rebuilt whole.',
      heldBy:
        'a view of a PostgreSQL database > is rebuilt, complete, after its process was killed in the middle of transfers',
    },
    {
      text: 'A view that lacks rows says so and refuses to answer.',
      heldBy:
        'a view of a PostgreSQL database > says that it lacks rows until their copy has come, and for ever where none is made',
    },
    {
      text: 'Where the journal no longer reaches back, a lane with start: snapshot is copied anew.',
      heldBy:
        'a view of a PostgreSQL database > is copied anew at its start when the journal no longer reaches back, and is complete again',
    },
    {
      text: 'It grows over no limit: nothing of the transaction that would is shown.',
      heldBy: 'a view > refuses by name to grow over its limit, and shows nothing of the transaction that would',
    },
    {
      text: 'A wait for a transaction ends with it, although nothing follows.',
      heldBy: 'a view > reaches a transaction that does not concern it, although nothing follows',
    },
  ],
};
