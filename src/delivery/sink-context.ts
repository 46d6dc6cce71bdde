import type { Checkpoint } from './checkpoint.ts';
import { hasBegunLater, isForLane, rowsLackedBy } from './lane-copy.ts';
import type { LaneDependencies } from './lane-dependencies.ts';
import type { LaneIdentity } from './lane-identity.ts';
import type { SinkContext } from './sink.ts';

/** What a lane gives its sink when it opens it. `start`: where the lane goes on unless the sink knows better. */
export function createSinkContext(
  deps: LaneDependencies,
  identity: LaneIdentity | undefined,
  start: Checkpoint,
  signal: AbortSignal,
): SinkContext {
  const { clock, copies, installation, laneName, logger, random, reader, tokens } = deps;
  return {
    installation,
    laneName,
    journalId: reader.journalId,
    lacksRows: rowsLackedBy(laneName, identity),
    uncopiedTables: () => copies().uncopiedTables.filter((table) => isForLane(table, laneName)),
    copiedThrough: () => copies().copiedThrough,
    beganLater: hasBegunLater(identity),
    journalEnd: () => reader.durableEnd.sequence,
    locateToken: tokens === undefined ? undefined : (token, options) => tokens.locate(token, options),
    start,
    clock,
    random,
    logger,
    signal,
  };
}
