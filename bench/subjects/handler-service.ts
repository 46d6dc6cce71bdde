/**
 * Headwater with one handler lane, as `headwater run` starts it. Prints a line `NOTE MILLISECONDS CPU_SECONDS` for each row
 * whose note begins with `marker`, when the handler is called with it: the machine's clock, and what the process
 * has used so far. Ends at SIGTERM. With `no-lane`, it only captures.
 *
 *   node bench/subjects/handler-service.ts URL NAME DIRECTORY lane|no-lane
 */
import { once } from 'node:events';

import { startLean } from '../../src/cli/lean-start.ts';
import { handlerSink } from '../../src/delivery/sinks/handler/handler-sink.ts';
import type { LaneOptions } from '../../src/delivery/lane-options.ts';
import { startHeadwater } from '../../src/service/headwater.ts';
import { benchLogger } from '../measure/bench-logger.ts';
import { machineMs } from '../measure/machine-ms.ts';

const [url = '', name = '', directory = '', mode = 'lane'] = process.argv.slice(2);
const ended = once(process, 'SIGTERM');

const lane: LaneOptions = {
  start: 'now',
  sink: handlerSink({
    name: 'recovery',
    handleChange(change) {
      const note = change.kind === 'insert' ? String(change.after[1]) : '';
      if (!note.startsWith('marker')) return;
      const { user, system } = process.cpuUsage();
      process.stdout.write(`${note} ${machineMs()} ${(user + system) / 1e6}\n`);
    },
  }),
};

await using headwater = await startLean(() =>
  startHeadwater({
    source: { url, slot: name, publication: name, tables: [`public.${name}`], snapshot: false },
    journal: { directory },
    lanes: mode === 'lane' ? { handler: lane } : {},
    http: false,
    logger: benchLogger('service.started', () => {}),
  }),
);
process.stdout.write(`ready ${machineMs()} ${headwater.lanes.length}\n`);
await ended;
