import type { SinkDefinition } from '../delivery/sink.ts';
import { LaneStage } from './lane-stage.ts';
import type { UnplacedRecord } from './memory-journal.ts';
import { type RecordRequest, suiteBatch, suiteRecord, suiteTransactions } from './suite-records.ts';

/** What a module that is run in a process of its own exports as `createChild`: the sink of the suite, and its records. */
export interface SinkChild {
  readonly sink: SinkDefinition;
  /** Default: `suiteRecord`. */
  record?(request: RecordRequest): UnplacedRecord;
}

/*
 * Delivers the suite's journal in a process that a test kills: `node sink-child.ts <module> <argument>`, where the module
 * exports `createChild(argument): SinkChild`. It never ends by itself, but with the process that started it.
 */
const [, , modulePath = '', argument = ''] = process.argv;
const module = (await import(modulePath)) as { createChild(argument: string): SinkChild };
const child = module.createChild(argument);
const record = (request: RecordRequest): UnplacedRecord => child.record?.(request) ?? suiteRecord(request);
const stage = new LaneStage();
for (const requests of suiteTransactions()) stage.journal.append(requests.map((request) => record(request)));
const lane = stage.lane({ sink: child.sink, batch: suiteBatch });
process.stdin.resume();
process.stdin.on('end', () => process.exit(1));
await lane.start();
