import { systemClock, toInstant } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import {
  createConfiguredDecoder,
  type JournalStart,
  openConfiguredReader,
  readRecords,
} from '../../service/journal-access.ts';
import { configOptions, type Command, type CommandInput } from '../command.ts';
import { loadConfig } from '../load-config.ts';
import { parseAge } from '../parse-age.ts';
import { formatRecord, toRecordJson } from '../record-line.ts';
import { eventTermOf, fitsWhere, parseWhere } from '../where.ts';

/** `headwater tail`. */
export const tailCommand: Command = {
  name: 'tail',
  summary: 'show changes and events as they reach the journal, or from a time on',
  usage: '[options]',
  description:
    'Reads the journal beside the running Headwater, or alone when none runs (and says so). Follows the end until it is\n' +
    'interrupted. With --json one JSON object a line. Values and payloads are shown only with --payload.',
  options: {
    ...configOptions,
    since: {
      type: 'string',
      placeholder: 'TIME',
      description: 'Begin at a time (ISO 8601), so long ago (90s, 15m, 2h, 1d), or at the `beginning`. Default: now.',
    },
    where: {
      type: 'string',
      placeholder: 'TERMS',
      description: 'Equalities on table, type, id, key and op, joined by "and": "table=orders and op=update".',
    },
    payload: { type: 'boolean', description: 'Show values and payloads.' },
    limit: { type: 'string', placeholder: 'N', description: 'End after so many records.' },
    'no-follow': { type: 'boolean', description: 'End at the end of the journal.' },
  },
  examples: [
    'headwater tail',
    'headwater tail --since 10m --where "table=orders and op=delete"',
    'headwater tail --since beginning --no-follow --json --payload | jq .',
  ],
  async run(input) {
    const terms = parseWhere(input.text('where') ?? '');
    const start = parseSince(input.text('since'), systemClock.now());
    const limit = input.number('limit') ?? Number.POSITIVE_INFINITY;
    const config = await loadConfig(input.text('config'), input.terminal.environment);
    await using reader = await openConfiguredReader(config);
    if (reader.presence === 'nothing-is-writing') {
      input.terminal.note('nothing is writing to this journal: no Headwater runs on it');
    }
    const follow = !input.flag('no-follow');
    const options = { start, follow, term: eventTermOf(terms), signal: input.signal };
    const records = readRecords(reader, createConfiguredDecoder(config), options);
    let count = 0;
    for await (const outbound of records) {
      if (!fitsWhere(terms, outbound)) continue;
      print(input, outbound);
      count += 1;
      if (count >= limit) break;
    }
    return 0;
  },
};

function print(input: CommandInput, outbound: Parameters<typeof toRecordJson>[0]): void {
  const { terminal } = input;
  const withPayload = input.flag('payload');
  terminal.out(
    input.json
      ? JSON.stringify(toRecordJson(outbound, withPayload))
      : formatRecord(outbound, withPayload, terminal.style),
  );
}

/** @throws HW-SERVICE-004 for a text that is no time */
function parseSince(text: string | undefined, nowMs: number): JournalStart {
  if (text === undefined || text === 'now') return 'now';
  if (text === 'beginning') return 'beginning';
  const at = parseAge(text, nowMs);
  if (at !== undefined) return toInstant(at);
  throw new HeadwaterError('HW-SERVICE-004', `--since takes a time, an age such as 15m, or "beginning", not "${text}"`);
}
