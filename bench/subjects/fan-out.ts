/**
 * Headwater with so many lanes to sinks that take everything at once, over a slot with a backlog. The clock runs until every lane
 * that does not hang has acknowledged everything. With `hung`, one lane more never gets an answer. With a location, the program
 * goes on until the slot is confirmed up to it.
 *
 *   node bench/subjects/fan-out.ts URL SLOT PUBLICATION COMMITS ROWS DIRECTORY LANES hung|none [END_LSN]
 */
import { setTimeout } from 'node:timers/promises';

import type { LaneOptions } from '../../src/delivery/lane-options.ts';
import type { SinkDefinition } from '../../src/delivery/sink.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { parseLsn } from '../../src/model/lsn.ts';
import { startHeadwater } from '../../src/service/headwater.ts';
import { benchLogger } from '../measure/bench-logger.ts';

const [
  url = '',
  slot = '',
  publication = '',
  commits = '0',
  rows = '0',
  directory = '',
  lanes = '1',
  mode = 'none',
  end = '',
] = process.argv.slice(2);
const pollMs = 10;
let startedAt = Number.NaN;
let cpuAtStart = process.cpuUsage();

/** Takes every batch at once, or never answers. */
function plainSink(name: string, answers: boolean): SinkDefinition {
  return {
    kind: 'bench',
    target: name,
    open: () =>
      Promise.resolve({
        capabilities: { unit: 'batch', checkpointIn: 'lane', recordBytesMax: undefined },
        readCheckpoint: () => Promise.resolve(undefined),
        write: (_, signal) => (answers ? Promise.resolve() : until(signal)),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  };
}

async function until(signal: AbortSignal): Promise<void> {
  await setTimeout(2 ** 30, undefined, { signal });
}

const named = Array.from({ length: Number(lanes) }, (_, index) => `lane${index}`);
const options = Object.fromEntries(named.map((name): [string, LaneOptions] => [name, { sink: plainSink(name, true) }]));
if (mode === 'hung') options['hung'] = { sink: plainSink('hung', false) };

await nodeDisk.makeDirectory(directory);
await using headwater = await startHeadwater({
  source: { url, slot, publication, create: 'never', canaryIntervalMs: 1000, snapshot: false },
  journal: { directory },
  lanes: options,
  http: false,
  stopTimeoutMs: 500,
  logger: benchLogger('source streams', () => {
    startedAt = performance.now();
    cpuAtStart = process.cpuUsage();
  }),
});
const isDone = (): boolean =>
  named.every((name) => (headwater.lane(name).status().checkpoint?.sequence ?? 0n) >= BigInt(commits));
while (!isDone()) await setTimeout(pollMs);
const seconds = (performance.now() - startedAt) / 1000;
const { user, system } = process.cpuUsage(cpuAtStart);
const cpuSeconds = (user + system) / 1e6;
/** Whether the slot holds nothing back any more once everything is in the journal, hung lane or not. */
async function waitForConfirmation(): Promise<boolean> {
  for (let look = 0; look < 200; look += 1) {
    const { source } = await headwater.status();
    if (parseLsn(source.confirmedLsn ?? '0/0') >= parseLsn(end)) return true;
    await setTimeout(50);
  }
  return false;
}

const isConfirmed = end !== '' && (await waitForConfirmation());
process.stdout.write(`${JSON.stringify({ rows: Number(rows), seconds, cpuSeconds, isConfirmed })}\n`);
