import { metrics } from '../../src/service/metric-names.ts';
import type { AlertRule } from './alert-rule.ts';

const { freshnessSeconds, backlogTransactions, sinkState, sinkComplete, sinkRetries, sinkRecords } = metrics;
const { journalBytes, journalCapacityBytes, sinkParkedKeys, snapshotRows } = metrics;
const fill = `${journalBytes.name} / ${journalCapacityBytes.name}`;

const journalMeaning =
  'The journal keeps what the slowest lane has not taken, and everything younger than `journal.minimumAgeMs`. At ' +
  '`journal.maxBytes` capture stops, and the WAL grows on the primary; with `atLimit: "detach-lane"` the slowest lane is given up.';
const journalLook = [
  '`headwater status`: which lane has the largest backlog, and is it failed, paused or slow?',
  'No lane is behind: then `journal.minimumAgeMs` keeps more than `journal.maxBytes` allows.',
];
const journalMend = [
  'Mend or resume the lane that is behind.',
  'Raise `journal.maxBytes` to what the disk holds, or lower `journal.minimumAgeMs`, and restart: nothing is lost by that.',
];
const behindLook = [
  '`headwater status`: state, retries and error of the lane.',
  'The store itself: load, locks, latency of a write.',
  '`headwater trace ID` for one record: what it waits for.',
];

/** What can go wrong between the journal and the stores. */
export const deliveryAlerts: readonly AlertRule[] = [
  {
    name: 'HeadwaterSinkFailed',
    severity: 'page',
    expression: `${sinkState.name}{state="failed"} == 1`,
    holdsFor: '1m',
    summary: 'lane {{ $labels.sink }} has stopped and waits for a decision',
    meaning:
      'The lane met something that trying again does not mend: a record that its store refuses, a lost checkpoint, a changed ' +
      'target. It stopped in front of it; nothing was skipped. Other lanes go on. The journal keeps what this one has not taken.',
    look: ['`headwater status`: the code, the record and the fix.', '`headwater explain CODE`: why it stops.'],
    mend: ['Do what the code says, then restart Headwater: the lane goes on at its checkpoint.'],
  },
  {
    name: 'HeadwaterSinkRetrying',
    severity: 'warning',
    expression: `${sinkState.name}{state="retrying"} == 1`,
    holdsFor: '10m',
    summary: 'lane {{ $labels.sink }} has tried the same write again for 10 minutes',
    meaning:
      'The store is away or overloaded. The lane tries again with growing delays; nothing is lost, the backlog grows.',
    look: [
      '`headwater status`: the code and since when.',
      'The store itself: is it up, does it take connections of this role?',
    ],
    mend: ['Mend the store. The lane notices within `retry.maxDelayMs` (30 s) and catches up.'],
  },
  {
    name: 'HeadwaterSinkParked',
    severity: 'warning',
    expression: `${sinkParkedKeys.name} > 0`,
    holdsFor: '5m',
    summary: 'lane {{ $labels.sink }} has parked {{ $value | humanize }} key(s)',
    meaning:
      'A record was refused for good. Its key waits, and all other keys go on; the journal is kept from the oldest parked record on.',
    look: ['`headwater parked list`: which record, since when, and with what error.'],
    mend: [
      'Mend the cause, then `headwater parked retry ID`, or `--all`.',
      '`headwater parked drop ID --reason "…" --yes` for a record that is never to be delivered.',
    ],
  },
  {
    name: 'HeadwaterSinkRetriesOften',
    severity: 'warning',
    expression:
      `increase(${sinkRetries.name}[10m]) > 100 and on (sink) ` +
      `increase(${sinkRetries.name}[10m]) > on (sink) 0.05 * sum by (sink) (increase(${sinkRecords.name}{outcome="delivered"}[10m]))`,
    holdsFor: '10m',
    summary: 'lane {{ $labels.sink }} repeats writes: {{ $value | humanize }} times within 10 minutes',
    meaning:
      'More than 5 % of the writes fail at first, and more than 100 did. The lane gets on, but slower than it could.',
    look: behindLook,
    mend: ['Smaller batches (`batch.recordCountMax`) or fewer at once (`concurrencyMax`) if the store is overloaded.'],
  },
  {
    name: 'HeadwaterSinkBehind',
    severity: 'warning',
    expression: `${freshnessSeconds.name} > 300 and deriv(${freshnessSeconds.name}[10m]) > 0`,
    holdsFor: '10m',
    summary: 'lane {{ $labels.sink }} is {{ $value | humanizeDuration }} behind, and falls further behind',
    meaning: 'The store shows what was true minutes ago, and more minutes with each minute.',
    look: behindLook,
    mend: [
      'Give the lane larger batches or, for a handler or webhook, a larger `concurrencyMax`.',
      'Add an index in the target if its writes are slow.',
    ],
  },
  {
    name: 'HeadwaterSinkNeverCatchesUp',
    severity: 'page',
    expression: `${backlogTransactions.name} > 1000 and deriv(${backlogTransactions.name}[15m]) > 0`,
    holdsFor: '15m',
    summary:
      'lane {{ $labels.sink }} has {{ $value | humanize }} transactions in front of it, and more come than it delivers',
    meaning: 'The application writes faster than the store takes it. Left alone, the journal fills.',
    look: behindLook,
    mend: [
      'Make the store faster, or filter what it does not need (`filter`, with a new `revision`).',
      'Split the lane: several lanes with disjoint filters deliver side by side.',
      'Gain time: raise `journal.maxBytes`.',
    ],
  },
  {
    name: 'HeadwaterSinkPaused',
    severity: 'warning',
    expression: `${sinkState.name}{state="paused"} == 1`,
    holdsFor: '1h',
    summary: 'lane {{ $labels.sink }} has been paused for an hour and holds the journal',
    meaning: 'A paused lane keeps its place. The journal keeps everything behind it, and grows.',
    look: ['Who paused it, and why: `paused: true` in the configuration, or `pause()` in a program.'],
    mend: ['Resume it, or remove it from the configuration if its store is not needed any more.'],
  },
  {
    name: 'HeadwaterSinkIncomplete',
    severity: 'warning',
    expression: `${sinkComplete.name} == 0 unless on () ${snapshotRows.name}{state="copying"}`,
    holdsFor: '1h',
    summary: 'lane {{ $labels.sink }} lacks rows from before its beginning, and nothing is copying them',
    meaning:
      'The store is current for what changed since the lane began, and lacks older rows. `headwater status` names the tables. ' +
      'A lane that was begun at now or at a time on purpose stays like this: silence the alert for it.',
    look: ['`headwater status`: the tables, the reason, and the lanes that lack them.'],
    mend: [
      'Give capture SELECT on the tables, so that it can copy them.',
      'Begin the lane with `start: "snapshot"` under a new name.',
    ],
  },
  {
    name: 'HeadwaterJournalNearlyFull',
    severity: 'page',
    expression: `${fill} > 0.95`,
    holdsFor: '5m',
    summary: 'the journal of {{ $labels.pipeline }} is {{ $value | humanizePercentage }} full',
    meaning: journalMeaning,
    look: journalLook,
    mend: journalMend,
  },
  {
    name: 'HeadwaterJournalFilling',
    severity: 'warning',
    expression: `${fill} > 0.8`,
    holdsFor: '5m',
    summary: 'the journal of {{ $labels.pipeline }} is {{ $value | humanizePercentage }} full',
    meaning: journalMeaning,
    look: journalLook,
    mend: journalMend,
  },
  {
    name: 'HeadwaterSnapshotStalled',
    severity: 'warning',
    expression: `changes(${snapshotRows.name}{state="copying"}[10m]) == 0`,
    holdsFor: '10m',
    summary: 'the copy of {{ $labels.table }} has not moved for 10 minutes',
    meaning: 'The lanes have the stream and wait for the older rows of this table.',
    look: ['`headwater status`: the line of the copy.', '`select * from pg_stat_activity`: a lock on the table?'],
    mend: ['End what holds the lock. A restart of Headwater takes the copy up where it was.'],
  },
  {
    name: 'HeadwaterSnapshotRefused',
    severity: 'warning',
    expression: `count by (source, table) (${snapshotRows.name}{state="refused"}) > 0`,
    holdsFor: '5m',
    summary: 'older rows of {{ $labels.table }} cannot be copied',
    meaning:
      'The role of capture lacks a right, or the table has a form that cannot be copied. Lanes that need it are incomplete.',
    look: ['`headwater status`: the reason beside the table.'],
    mend: ['`headwater sql roles --copy TABLE` prints the right that is missing. Then restart Headwater.'],
  },
];
