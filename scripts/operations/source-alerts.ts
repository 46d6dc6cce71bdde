import { metrics } from '../../src/service/metric-names.ts';
import type { AlertRule } from './alert-rule.ts';

const { slotState, slotSafeBytes, slotRetainedBytes, canaryAgeSeconds, sourceConnected, sourceReconnects } = metrics;
const secondsToLoss = `${slotSafeBytes.name} / clamp_min(-deriv(${slotSafeBytes.name}[30m]), 1)`;

const lossMeaning =
  'PostgreSQL gives the slot up when the WAL that it keeps for it passes `max_slot_wal_keep_size`. A lost slot cannot be mended: ' +
  'changes since its last confirmed location are gone from the server, and the derived stores need a new copy.';
const lossLook = [
  '`headwater status`: is the source streaming, and how far is `confirmed` behind? Headwater confirms what its journal holds, so a slow sink is not the cause.',
  '`select slot_name, active, wal_status, safe_wal_size from pg_replication_slots`: is it our slot that holds the WAL back?',
  'Is the journal full (`journal.atLimit: "stop-capture"`), or its disk?',
];
const lossMend = [
  'Start Headwater, or mend what keeps it from streaming: the error of the source in `headwater status` names the fix.',
  'Gain time: `alter system set max_slot_wal_keep_size = …` to what the disk holds, then `select pg_reload_conf()`.',
];

/** What can go wrong between PostgreSQL and the journal. */
export const sourceAlerts: readonly AlertRule[] = [
  {
    name: 'HeadwaterSlotLost',
    severity: 'page',
    expression: `${slotState.name}{state="lost"} == 1`,
    holdsFor: '0m',
    summary: 'PostgreSQL has given up slot {{ $labels.slot }}: changes are missing',
    meaning: lossMeaning,
    look: ['`headwater status`: the last confirmed location, and the code of the error.', ...lossLook.slice(1)],
    mend: [
      'What the journal holds is delivered still. Let the lanes end: `headwater run --drain`.',
      'Then begin anew: drop the slot, move the journal aside, and start. The first copy brings the rows into every lane.',
      'Events that were written as logical messages after the confirmed location are gone; those of an outbox table are in the table.',
    ],
  },
  {
    name: 'HeadwaterSlotWillBeLostSoon',
    severity: 'page',
    expression: `${secondsToLoss} < 3600`,
    holdsFor: '2m',
    summary: 'slot {{ $labels.slot }} is lost in {{ $value | humanizeDuration }} at this rate',
    meaning: lossMeaning,
    look: lossLook,
    mend: lossMend,
  },
  {
    name: 'HeadwaterSlotWillBeLost',
    severity: 'warning',
    expression: `${secondsToLoss} < 14400`,
    holdsFor: '10m',
    summary: 'slot {{ $labels.slot }} is lost in {{ $value | humanizeDuration }} at this rate',
    meaning: lossMeaning,
    look: lossLook,
    mend: lossMend,
  },
  {
    name: 'HeadwaterSlotRetainsTooMuch',
    severity: 'page',
    expression: `${slotRetainedBytes.name} > 10737418240`,
    holdsFor: '10m',
    summary: 'the primary keeps {{ $value | humanize1024 }}B of WAL for slot {{ $labels.slot }}',
    meaning:
      'The WAL lies on the disk of the primary. When that is full, PostgreSQL stops, and with it the application. ' +
      'Headwater confirms as soon as its journal is durable, so this much means that it does not read, or cannot write.',
    look: [
      ...lossLook,
      'A long transaction holds the slot back too: `select pid, xact_start, query from pg_stat_activity order by xact_start`.',
    ],
    mend: [...lossMend, 'End the long transaction if it is the cause: `select pg_terminate_backend(PID)`.'],
  },
  {
    name: 'HeadwaterSlotRetainsMuch',
    severity: 'warning',
    expression: `${slotRetainedBytes.name} > 2147483648`,
    holdsFor: '10m',
    summary: 'the primary keeps {{ $value | humanize1024 }}B of WAL for slot {{ $labels.slot }}',
    meaning:
      'The first sign of a slot that does not move. It leads to a full disk of the primary, or to the loss of the slot.',
    look: lossLook,
    mend: lossMend,
  },
  {
    name: 'HeadwaterSourceDisconnected',
    severity: 'page',
    expression: `${sourceConnected.name} == 0`,
    holdsFor: '5m',
    summary: 'Headwater {{ $labels.source }} has not streamed from PostgreSQL for 5 minutes',
    meaning:
      'Nothing new reaches the journal. Nothing is lost: the slot holds the WAL, and the lanes go on with what the journal has. ' +
      'But the WAL grows on the primary.',
    look: [
      '`headwater status`: the code of the source, with its fix.',
      '`headwater doctor`: connection, rights, publication, slot.',
    ],
    mend: [
      'Do what the code says (`headwater explain CODE`). Trying again is automatic where waiting helps.',
      'A refusal (another system, timeline or slot than the journal recorded) wants a decision: after a fail-over see its page.',
    ],
  },
  {
    name: 'HeadwaterSourceReconnectsOften',
    severity: 'warning',
    expression: `increase(${sourceReconnects.name}[15m]) > 5`,
    holdsFor: '5m',
    summary: 'Headwater {{ $labels.source }} reconnected {{ $value | humanize }} times within 15 minutes',
    meaning:
      'The stream breaks again and again. Nothing is lost, but each reconnect reads again from the confirmed location.',
    look: [
      'The log of Headwater (`source` events) and that of PostgreSQL at the same times.',
      '`wal_sender_timeout`, proxies and firewalls between the two: something may end connections that are idle or old.',
    ],
    mend: ['Connect to PostgreSQL directly, not through a pooler or a proxy with a time limit.'],
  },
  {
    name: 'HeadwaterHeartbeatLate',
    severity: 'page',
    expression: `${canaryAgeSeconds.name} > 300`,
    holdsFor: '2m',
    summary: 'the last canary of Headwater {{ $labels.source }} came back {{ $value | humanizeDuration }} ago',
    meaning:
      'Headwater writes a small message into the WAL and waits until the slot brings it back. If it does not come, changes do not ' +
      'come either, also when the connection looks well.',
    look: [
      '`headwater status`: `canary` and the state of the source.',
      'A large transaction is read as a whole first: `select * from pg_stat_replication_slots`.',
      'The load of the primary: is the WAL sender waiting (`pg_stat_activity.wait_event`)?',
    ],
    mend: [
      'Wait for a large transaction to end.',
      'Restart Headwater if the WAL sender waits for a client that does not read: nothing is lost.',
    ],
  },
  {
    name: 'HeadwaterHeartbeatLagging',
    severity: 'warning',
    expression: `${canaryAgeSeconds.name} > 60`,
    holdsFor: '2m',
    summary: 'the last canary of Headwater {{ $labels.source }} came back {{ $value | humanizeDuration }} ago',
    meaning: 'The way from the primary to the journal takes longer than a minute.',
    look: [
      '`headwater status`: `canary` and the state of the source.',
      'A large transaction under way, or a busy primary.',
    ],
    mend: ['Usually none: it passes with the load. It becomes a page after 5 minutes.'],
  },
  {
    name: 'HeadwaterTelemetryMissing',
    severity: 'page',
    expression: `absent(${metrics.buildInfo.name})`,
    holdsFor: '5m',
    summary: 'no Headwater is scraped',
    meaning: 'Either no Headwater runs, or Prometheus does not reach it. Without it none of the other alerts can fire.',
    look: [
      'Does the process run? `headwater healthcheck`',
      'The target in Prometheus: address, token, `http.allowedHosts`.',
    ],
    mend: ['Start it. Nothing was lost meanwhile: the slot holds the WAL.', 'Mend the scrape configuration.'],
  },
];
