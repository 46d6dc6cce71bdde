import { handlerSink } from '../../delivery/sinks/handler/handler-sink.ts';
import type { JournalRecord } from '../../model/journal-record.ts';
import { schemaNameDefault } from '../../postgres/database-objects.ts';
import { resolveConfig } from '../../service/config.ts';
import type { ResolvedConfig } from '../../service/config-types.ts';
import type { ShownRecord } from '../record-line.ts';

/** What `headwater dev` puts in the place of what a configuration says. */
export interface DevPlace {
  readonly sourceUrl: string;
  readonly journalDirectory: string;
  /** Undefined: as the configuration has it. */
  readonly httpPort: number | undefined;
}

/**
 * The configuration with its source and journal replaced by private ones: the lanes stay, write where they say, and go on with
 * functions that are changed from run to run. Pure.
 */
export function placeInDev(config: ResolvedConfig, place: DevPlace): ResolvedConfig {
  const { http } = config;
  return {
    ...config,
    source: { ...config.source, url: place.sourceUrl },
    journal: { ...config.journal, directory: place.journalDirectory },
    http: http === false || place.httpPort === undefined ? http : { ...http, port: place.httpPort },
    // Trying other functions is what this is for.
    lanes: Object.fromEntries(
      Object.entries(config.lanes).map(([name, lane]) => [name, { ...lane, onChangedFunctions: 'go-on' as const }]),
    ),
  };
}

/** Where there is no configuration: one lane with a handler that prints each change of any table, and each event. */
export function createDevConfig(url: string, print: (record: ShownRecord) => void): ResolvedConfig {
  const sink = handlerSink({
    name: 'print',
    handle: (record, { id, key, transaction }) => print({ record, header: transaction, id, key }),
  });
  return resolveConfig({
    source: { url },
    lanes: { print: { sink, filter: isOfApplication, onChangedFunctions: 'go-on' } },
  });
}

/** Everything but the rows of Headwater's own tables, which a publication of all tables has too. */
function isOfApplication(record: JournalRecord): boolean {
  if (record.kind === 'event') return true;
  const tables = record.kind === 'truncate' ? record.tables : [record.table];
  return tables.some(({ schemaName }) => schemaName !== schemaNameDefault);
}
