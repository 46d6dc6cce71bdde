import { type Logger, silentLogger } from '../../src/foundation/logger.ts';

/** Says on stderr what goes wrong, and calls back when one event is logged. */
export function benchLogger(awaitedEvent: string, onEvent: () => void): Logger {
  const tell = (event: string, fields: unknown): void => {
    process.stderr.write(`${event} ${JSON.stringify(fields, (_, value: unknown) => plain(value))}\n`);
  };
  return {
    ...silentLogger,
    info(event) {
      if (event === awaitedEvent) onEvent();
    },
    warn(event, fields) {
      // The workload's rows were there before its slot was copied: true, and of no account here.
      if (event !== 'source.table_incomplete') tell(event, fields);
    },
    error: tell,
  };
}

function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
