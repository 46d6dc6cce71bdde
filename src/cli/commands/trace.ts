import { systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { OutboundRecord } from '../../delivery/sink.ts';
import { formatLsn } from '../../model/lsn.ts';
import type { ResolvedConfig } from '../../service/config-types.ts';
import { createConfiguredDecoder, openConfiguredReader, readRecords } from '../../service/journal-access.ts';
import { planLeg, type TracedLane, type TraceLeg } from '../../service/trace-leg.ts';
import { configOptions, type Command, type CommandInput } from '../command.ts';
import { formatDuration, formatTable } from '../format-status.ts';
import { loadConfig } from '../load-config.ts';
import { formatRecord, toRecordJson } from '../record-line.ts';
import { clientOptions } from '../service-client.ts';
import { listTracedLanes } from '../trace/list-traced-lanes.ts';
import { eventTermOf, fitsWhere, parseTraced } from '../where.ts';

const countDefault = 10;

/** `headwater trace`. */
export const traceCommand: Command = {
  name: 'trace',
  summary: "one record's journey, from its commit to every sink",
  wordCountMax: 1,
  usage: 'ID | KEY [options]',
  description:
    'Finds an event by its id, or the records of a key, in the journal, and says for every lane whether it was acknowledged,\n' +
    'waits (behind how many transactions, and why), is parked or waits behind a parked record, was dropped, was left out by the\n' +
    'filter or the sink, or came before the lane began. The journal is read by this command, beside the running Headwater, which\n' +
    'is asked only how far its lanes are and what they have parked; when none runs, the state that it left is read. Changes\n' +
    'nothing. A key names events, or a row as `tail` shows it: public.orders|["1"]; the key of a lane of its own is not looked\n' +
    'for. Events are found by the index, changes of rows by reading the journal through. When a record was acknowledged is not\n' +
    'recorded. Exit code 4: no kept record has that id or key.',
  options: {
    ...configOptions,
    ...clientOptions,
    key: { type: 'boolean', description: 'The word is a key, also when it looks like an id.' },
    limit: {
      type: 'string',
      placeholder: 'N',
      description: `Show the last N records of a key. Default ${countDefault}.`,
    },
    payload: { type: 'boolean', description: 'Show values and payloads.' },
  },
  examples: [
    'headwater trace 0199a1c2-7c1e-7b3a-9a51-0c1f2e3d4b5a',
    'headwater trace order-8812 --limit 3',
    `headwater trace 'public.orders|["8812"]' --json | jq '.records[].lanes'`,
  ],
  async run(input) {
    const [word] = input.positionals;
    if (word === undefined)
      throw new HeadwaterError('HW-SERVICE-004', 'say what to trace: the id of an event, or a key');
    const config = await loadConfig(input.text('config'), input.terminal.environment);
    await using reader = await openConfiguredReader(config);
    const terms = parseTraced(word, input.flag('key'));
    const options = { start: 'beginning', follow: false, term: eventTermOf(terms), signal: input.signal } as const;
    const countMax = input.number('limit') ?? countDefault;
    const found: OutboundRecord[] = [];
    let count = 0;
    for await (const outbound of readRecords(reader, createConfiguredDecoder(config), options)) {
      if (!fitsWhere(terms, outbound)) continue;
      count += 1;
      found.push(outbound);
      if (found.length > countMax) found.shift();
    }
    if (count === 0) {
      const { first } = await reader.extent();
      throw new HeadwaterError(
        'HW-SERVICE-005',
        `no record from sequence ${first} on has the ${terms[0]?.field} "${word}"`,
      );
    }
    // Asked last: what was acknowledged while the journal was read is known then.
    const lanes = await listTracedLanes(input, config, reader);
    const records = found.map((outbound) => ({ outbound, legs: planLegs(outbound, lanes, config) }));
    if (input.json) print(input, records, count);
    else for (const record of records) show(input, record);
    if (!input.json && count > found.length) input.terminal.note(`the last ${found.length} of ${count} records`);
    return 0;
  },
};

interface Traced {
  readonly outbound: OutboundRecord;
  readonly legs: readonly TraceLeg[];
}

function planLegs(outbound: OutboundRecord, lanes: readonly TracedLane[], config: ResolvedConfig): readonly TraceLeg[] {
  return lanes.flatMap((lane) => {
    const options = config.lanes[lane.name];
    if (options === undefined) return [];
    try {
      return [planLeg(outbound, lane, options)];
    } catch (cause) {
      throw new HeadwaterError('HW-LANE-010', `filter of lane "${lane.name}" threw for record ${outbound.id}`, {
        cause,
      });
    }
  });
}

function print(input: CommandInput, records: readonly Traced[], count: number): void {
  const list = records.map(({ outbound, legs }) => {
    const { version: _, ...record } = { version: 1, ...toRecordJson(outbound, input.flag('payload')) };
    return { ...record, systemId: outbound.header.systemId, timeline: outbound.header.timeline, lanes: legs };
  });
  input.terminal.out(JSON.stringify({ version: 1, count, records: list }));
}

function show(input: CommandInput, { outbound, legs }: Traced): void {
  const { terminal } = input;
  const { style } = terminal;
  const { commitLsn, commitTimeMicros, sequence } = outbound.header;
  const committedMs = Number(commitTimeMicros / 1000n);
  const age = formatDuration(Math.max(0, systemClock.now() - committedMs));
  terminal.out(formatRecord(outbound, input.flag('payload'), style));
  terminal.out(`  id         ${outbound.id}`);
  terminal.out(`  committed  ${new Date(committedMs).toISOString()}, ${age} ago, at ${formatLsn(commitLsn)}`);
  terminal.out(`  journal    durable, sequence ${sequence}, record ${outbound.record.ordinal}`);
  const rows = legs.map((leg) => [leg.lane, leg.outcome, explainLeg(leg, age), `${leg.sink} ${leg.target}`]);
  for (const line of formatTable(['lane', 'outcome', '', 'to'], rows)) terminal.out(`  ${line}`);
  for (const { error, lane } of legs) {
    if (error !== null)
      terminal.out(`  ${style.red('!')} ${lane}: ${error.code} ${error.message}\n    fix: ${error.hint}`);
  }
}

function explainLeg(leg: TraceLeg, age: string): string {
  const { behind, laneState, leftOutBy, outcome, reason, transactionsBefore } = leg;
  if (outcome === 'left-out') return `by the ${leftOutBy}`;
  if (outcome === 'behind-parked') return behind === null ? 'on its way again' : `behind ${behind}`;
  if (outcome === 'dropped') return `because: ${reason}`;
  if (outcome !== 'waiting') return '';
  const before = transactionsBefore === '0' ? 'next in line' : `behind ${transactionsBefore} transaction(s)`;
  return `${before} for ${age}, lane ${laneState}`;
}
