import { planReplay, type ReplayRange } from '../../delivery/replay.ts';
import { systemClock } from '../../foundation/clock.ts';
import { isErrorCode } from '../../foundation/error-codes.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { openConfiguredReader } from '../../service/journal-access.ts';
import type { ReplayJson } from '../../service/replay-api.ts';
import type { StatusReport } from '../../service/status-report.ts';
import { type Command, type CommandInput, configOptions } from '../command.ts';
import { formatTable } from '../format-status.ts';
import { loadConfig } from '../load-config.ts';
import { countReplay, type ReplayCounts } from '../replay/count-replay.ts';
import { findReplayStart, parseReplayStart } from '../replay/find-replay-start.ts';
import { askService, clientOptions, tellService } from '../service-client.ts';
import { listTracedLanes } from '../trace/list-traced-lanes.ts';

const progressIntervalMs = 250;

/** `headwater replay`. */
export const replayCommand: Command = {
  name: 'replay',
  summary: 'deliver again to one idempotent sink what it has had, from a place on; or count it',
  wordCountMax: 1,
  usage: 'LANE --from PLACE --dry-run | --yes [options]',
  description:
    "Moves a lane back and lets it go on: everything from the place on is delivered again, in the journal's order, up to where\n" +
    'the lane stood, and then what is new. It never ends before, since a key would be left at an older state; until then the\n' +
    'consumer sees older states again. Only for sinks that are declared idempotent. --dry-run counts, by table and event type,\n' +
    'what would come, and changes nothing, also where no Headwater runs. The rest asks the running one, and waits for the end\n' +
    'unless --no-wait is given; an interruption ends the waiting, never the replay. 8: refused, with the reason. 6: nobody\n' +
    'answers.',
  options: {
    ...configOptions,
    ...clientOptions,
    from: {
      type: 'string',
      placeholder: 'PLACE',
      description: 'A time (ISO 8601), an age (90s, 15m, 2h, 1d), a sequence, a WAL location, or `beginning`.',
    },
    'dry-run': { type: 'boolean', description: 'Count what would be delivered again; change nothing.' },
    'no-wait': { type: 'boolean', description: 'End as soon as the replay has begun.' },
    yes: { type: 'boolean', description: 'Deliver it again.' },
  },
  examples: [
    'headwater replay search --from 2h --dry-run',
    'headwater replay search --from 2026-11-23T08:00:00Z --yes',
    'headwater replay search --from beginning --dry-run --json | jq .subjects',
  ],
  async run(input) {
    const [laneName] = input.positionals;
    if (laneName === undefined) throw new HeadwaterError('HW-SERVICE-004', 'say which lane to replay');
    const start = parseReplayStart(input.text('from'), systemClock.now());
    const config = await loadConfig(input.text('config'), input.terminal.environment);
    const options = config.lanes[laneName];
    if (options === undefined) {
      const names = Object.keys(config.lanes).join(', ');
      throw new HeadwaterError('HW-SERVICE-005', `there is no lane "${laneName}"; there are: ${names}`);
    }
    await using reader = await openConfiguredReader(config);
    const from = await findReplayStart(start, reader, input.signal);
    const lane = (await listTracedLanes(input, config, reader)).find(({ name }) => name === laneName);
    if (lane === undefined || lane.state === 'unknown') {
      throw new HeadwaterError('HW-SERVICE-002', `how far lane "${laneName}" is, nobody says`);
    }
    const { first } = await reader.extent();
    const { origin, sequence: acknowledged } = lane;
    const range = planReplay(from, { laneName, sink: options.sink, first, origin, acknowledged });
    if (input.flag('dry-run')) {
      showCounts(input, { laneName, range, counts: await countReplay({ config, reader, lane, range }, input.signal) });
      return 0;
    }
    if (!input.flag('yes')) {
      throw new HeadwaterError(
        'HW-SERVICE-008',
        `lane "${laneName}" would get sequences ${range.from} to ${range.through} again`,
        { hint: 'See with --dry-run what that is; say --yes when it is meant.' },
      );
    }
    return await replay(input, laneName, range.from);
  },
};

interface ShownCounts {
  readonly laneName: string;
  readonly range: ReplayRange;
  readonly counts: ReplayCounts;
}

function showCounts({ json, terminal }: CommandInput, { laneName, range, counts }: ShownCounts): void {
  const places = { lane: laneName, from: String(range.from), through: String(range.through) };
  if (json) {
    terminal.out(JSON.stringify({ version: 1, dryRun: true, ...places, ...counts }));
    return;
  }
  terminal.out(
    `lane ${laneName} would get ${counts.recordCount} record(s) again, sequences ${places.from} to ${places.through}`,
  );
  if (counts.firstCommitAt !== null) terminal.out(`committed ${counts.firstCommitAt} to ${counts.lastCommitAt}`);
  const rows = counts.subjects.map(({ subject, recordCount }) => [subject, String(recordCount)]);
  for (const line of formatTable(['table or type', 'records'], rows)) terminal.out(`  ${line}`);
  terminal.out(
    `left out ${counts.leftOutCount}, dropped earlier ${counts.droppedCount}; a dry run: nothing was changed`,
  );
}

async function replay(input: CommandInput, lane: string, from: bigint): Promise<number> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server's answer, version 1.
  const begun = (await tellService(input, '/replay', { lane, from: String(from) })) as ReplayJson;
  const isWaiting = !input.flag('no-wait');
  if (isWaiting) await waitForEnd(input, begun);
  const end = isWaiting ? 'was delivered again' : 'is delivered again';
  if (input.json) input.terminal.out(JSON.stringify({ ...begun, dryRun: false, done: isWaiting }));
  else input.terminal.out(`lane ${lane}: sequences ${begun.from} to ${begun.through}: ${end}`);
  return 0;
}

/** @throws what the lane fails with */
async function waitForEnd(input: CommandInput, { lane, from, through }: ReplayJson): Promise<void> {
  for (;;) {
    input.signal.throwIfAborted();
    const { body } = await askService(input, '/status');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server's answer, version 1.
    const found = (body as StatusReport).lanes.find(({ name }) => name === lane);
    if (found === undefined) throw new HeadwaterError('HW-SERVICE-005', `there is no lane "${lane}" any more`);
    const { error, sequence, state } = found;
    if (BigInt(sequence) >= BigInt(through)) return;
    if (state === 'failed' && error !== null) {
      const code = isErrorCode(error.code) ? error.code : 'HW-INTERNAL-001';
      throw new HeadwaterError(code, `the replay stands at sequence ${sequence}: ${error.message}`);
    }
    input.terminal.progress(`lane ${lane}: sequence ${sequence}, from ${from} to ${through}, ${state}`);
    await systemClock.sleep(progressIntervalMs, input.signal);
  }
}
