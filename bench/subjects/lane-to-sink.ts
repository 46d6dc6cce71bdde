/**
 * Our side of the benchmark of sinks: a lane behind a filled journal.
 *
 *   node bench/subjects/lane-to-sink.ts KIND DIRECTORY TARGET
 */
import { drainLane } from '../workload/drain-lane.ts';
import { benchLane, parseSinkKind } from '../workload/sink-kinds.ts';

const [word = '', directory = '', target = ''] = process.argv.slice(2);
const kind = parseSinkKind(word);
process.stdout.write(`${JSON.stringify(await drainLane(directory, kind, benchLane(kind, target)))}\n`);
