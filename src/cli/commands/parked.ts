import { HeadwaterError } from '../../foundation/error.ts';
import type { ParkedActionJson, ParkedJson, ParkedKeyJson, ParkedLaneJson } from '../../service/parked-json.ts';
import { createConfiguredDecoder, openConfiguredReader, readRecordAt } from '../../service/journal-access.ts';
import { type Command, type CommandInput, configOptions } from '../command.ts';
import { formatParked, formatParkedKey } from '../format-parked.ts';
import { loadConfig } from '../load-config.ts';
import { toRecordJson } from '../record-line.ts';
import { askService, clientOptions, tellService } from '../service-client.ts';

const topics = ['list', 'show', 'retry', 'drop'] as const;

/** `headwater parked`. */
export const parkedCommand: Command = {
  name: 'parked',
  summary: 'list, show, retry or drop records that a sink refused, with the keys that wait behind them',
  wordCountMax: 2,
  usage: 'list | show ID | retry ID | retry --all | drop ID --reason TEXT --yes [options]',
  description:
    'Asks the running Headwater for its parked records. `list` ends with 0 when there is none, and with 3 when there is.\n' +
    '`show` names what waits behind one, and reads its values from the journal with --payload. `retry` tries one or all again;\n' +
    'what waits behind goes on after it, in order. `drop` gives one up for good: the reason stays on record, and what waits goes\n' +
    'on. Both are durable when the command ends; `list` shows how it went. 4: no such record. 6: nobody answers. 8: a drop\n' +
    'without --yes.',
  options: {
    ...configOptions,
    ...clientOptions,
    lane: { type: 'string', placeholder: 'NAME', description: 'The lane, where several have parked the record.' },
    all: { type: 'boolean', description: 'Retry everything that is parked, in one lane or in all.' },
    reason: { type: 'string', placeholder: 'TEXT', description: 'Why the record is dropped. Stays on record.' },
    yes: { type: 'boolean', description: 'Drop: the sink never gets this record.' },
    payload: { type: 'boolean', description: 'Show values and payloads.' },
  },
  examples: [
    'headwater parked list',
    'headwater parked show 0199a1c2-… --payload',
    'headwater parked retry --all --lane search',
    'headwater parked drop 0199a1c2-… --reason "test order, see ticket 4711" --yes',
  ],
  async run(input) {
    const [topic, id] = input.positionals;
    const known = topics.find((one) => one === topic);
    if (known === undefined) {
      throw new HeadwaterError('HW-SERVICE-004', `say what to do with parked records: ${topics.join(', ')}`);
    }
    const lanes = chooseLanes(await askParked(input), input.text('lane'));
    if (known === 'list') return list(input, lanes);
    if (known === 'retry' && id === undefined && input.flag('all')) return retryAll(input, lanes);
    if (id === undefined) throw new HeadwaterError('HW-SERVICE-004', `say which record to ${known}: its id`);
    const found = findRecord(lanes, id);
    if (known === 'show') return show(input, found);
    return known === 'retry' ? retry(input, found) : drop(input, found);
  },
};

interface FoundKey {
  readonly lane: ParkedLaneJson;
  readonly key: ParkedKeyJson;
}

async function askParked(input: CommandInput): Promise<ParkedJson> {
  const { body } = await askService(input, '/parked');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server's answer, version 1.
  return body as ParkedJson;
}

function chooseLanes({ lanes }: ParkedJson, name: string | undefined): readonly ParkedLaneJson[] {
  const chosen = name === undefined ? lanes : lanes.filter(({ lane }) => lane === name);
  if (chosen.length > 0 || name === undefined) return chosen;
  const names = lanes.map(({ lane }) => lane).join(', ');
  throw new HeadwaterError('HW-SERVICE-005', `there is no lane "${name}"; there are: ${names}`);
}

/** @throws HW-LANE-016 no lane has it parked, HW-SERVICE-004 several have */
function findRecord(lanes: readonly ParkedLaneJson[], id: string): FoundKey {
  const found = lanes.flatMap((lane) => lane.keys.flatMap((key) => (key.id === id ? [{ lane, key }] : [])));
  const [first, ...others] = found;
  if (first === undefined)
    throw new HeadwaterError('HW-LANE-016', `no lane has a record ${id} that failed and is parked`);
  if (others.length === 0) return first;
  const names = found.map(({ lane }) => lane.lane).join(', ');
  throw new HeadwaterError('HW-SERVICE-004', `several lanes have parked ${id}: choose one with --lane: ${names}`);
}

function list({ terminal, json }: CommandInput, lanes: readonly ParkedLaneJson[]): number {
  terminal.out(json ? JSON.stringify({ version: 1, lanes }) : formatParked(lanes, terminal.style));
  return lanes.some(({ keys }) => keys.length > 0) ? 3 : 0;
}

async function show(input: CommandInput, { lane, key }: FoundKey): Promise<number> {
  const { terminal } = input;
  const waiting = lane.waiting.filter(({ behind }) => behind === key.id);
  const record = input.flag('payload') ? await readPayload(input, key) : undefined;
  if (input.json) terminal.out(JSON.stringify({ version: 1, lane: lane.lane, ...key, waiting, ...record }));
  else terminal.out(formatParkedKey({ lane: lane.lane, key, waiting, record: record?.record }, terminal.style));
  return 0;
}

/** From the journal beside the running Headwater: values never go over HTTP. */
async function readPayload(input: CommandInput, key: ParkedKeyJson): Promise<{ readonly record: object }> {
  const config = await loadConfig(input.text('config'), input.terminal.environment);
  await using reader = await openConfiguredReader(config);
  const place = { sequence: BigInt(key.sequence), ordinal: key.ordinal };
  const outbound = await readRecordAt(reader, createConfiguredDecoder(config), place, input.signal);
  if (outbound === undefined) throw new HeadwaterError('HW-LANE-017', `the journal no longer holds record ${key.id}`);
  return { record: toRecordJson(outbound, true) };
}

async function retry(input: CommandInput, { lane, key }: FoundKey): Promise<number> {
  const answer = await tellService(input, '/parked/retry', { lane: lane.lane, id: key.id });
  return report(input, [answer], 'is tried again');
}

async function retryAll(input: CommandInput, lanes: readonly ParkedLaneJson[]): Promise<number> {
  const answers: unknown[] = [];
  for (const { lane, keys } of lanes) {
    if (keys.length > 0) answers.push(await tellService(input, '/parked/retry', { lane }));
  }
  return report(input, answers, 'is tried again');
}

async function drop(input: CommandInput, { lane, key }: FoundKey): Promise<number> {
  const reason = input.text('reason');
  if (reason === undefined || reason.trim() === '') {
    throw new HeadwaterError('HW-SERVICE-004', 'say why the record is dropped: --reason TEXT');
  }
  if (!input.flag('yes')) {
    throw new HeadwaterError(
      'HW-SERVICE-008',
      `lane "${lane.lane}" would never deliver record ${key.id} (${key.subject})`,
    );
  }
  return report(
    input,
    [await tellService(input, '/parked/drop', { lane: lane.lane, id: key.id, reason })],
    'is dropped',
  );
}

function report({ terminal, json }: CommandInput, bodies: readonly unknown[], outcome: string): number {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server's answer, version 1.
  const answers = bodies as readonly ParkedActionJson[];
  const lanes = answers.map(({ lane, count }) => ({ lane, count }));
  if (json) terminal.out(JSON.stringify({ version: 1, lanes }));
  else if (lanes.length === 0) terminal.out('nothing is parked');
  else for (const { lane, count } of lanes) terminal.out(`lane ${lane}: ${count} record(s): each ${outcome}`);
  return 0;
}
