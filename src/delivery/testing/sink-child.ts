import { LaneStage } from './lane-stage.ts';
import type { SinkDefinition } from '../sink.ts';
import { type RecordRequest, suiteBatch, suiteTransactions } from '../sink.suite.ts';
import type { UnplacedRecord } from './memory-journal.ts';

/** What a module that is run in a process of its own exports as `createChild`. */
export interface SinkChild {
  readonly sink: SinkDefinition;
  record(request: RecordRequest): UnplacedRecord;
}

/*
 * Delivers the suite's journal in a process that a test kills: `node sink-child.ts <module> <argument>`, where the module
 * exports `createChild(argument): SinkChild`. It never ends by itself.
 */
const [, , modulePath = '', argument = ''] = process.argv;
const module = (await import(modulePath)) as { createChild(argument: string): SinkChild };
const child = module.createChild(argument);
const stage = new LaneStage();
for (const records of suiteTransactions()) stage.journal.append(records.map((record) => child.record(record)));
const lane = stage.lane({ sink: child.sink, batch: suiteBatch });
process.stdin.resume();
process.stdin.on('end', () => process.exit(1));
await lane.start();
