import { AdoptedOutboxCleaner } from '../capture/outbox/adopted-outbox-cleaner.ts';
import { resolveLaneOptions, type ResolvedLaneOptions } from '../delivery/lane-options.ts';
import type { OutboundBatch, Sink, SinkDefinition } from '../delivery/sink.ts';
import type { Connection } from '../postgres/connection.ts';
import { parseConnectionUrl } from '../postgres/connection-options.ts';
import { openConnection } from '../postgres/pg-connection.ts';
import { parseQualifiedName } from '../postgres/quote.ts';
import type { AdoptedOutboxOptions, ResolvedConfig } from './config-types.ts';
import { readSecret } from './secret.ts';

/**
 * The lane that marks or deletes rows of adopted outbox tables whose events the journal holds; undefined when nothing is to
 * be cleaned. A lane reads only what is durable, so a row is never touched ahead of the journal, and its checkpoint moves on
 * only when the rows are done.
 */
export function createCleanUpLane(config: ResolvedConfig): ResolvedLaneOptions | undefined {
  const tables = config.source.adoptedOutboxes.filter((outbox) => outbox.cleanUp !== 'none');
  if (tables.length === 0) return undefined;
  return resolveLaneOptions({
    onPoisoned: 'stop',
    sink: createCleanUpSink(config, tables),
    filter: (record) => record.kind === 'event' && record.event.origin === 'adopted-outbox',
    key: () => null,
    // Ours, and another text in another release.
    onChangedFunctions: 'go-on',
    batch: { recordCountMax: 500, waitMs: 200 },
  });
}

function createCleanUpSink(config: ResolvedConfig, tables: readonly AdoptedOutboxOptions[]): SinkDefinition {
  return {
    kind: 'adopted-outbox',
    target: tables.map(({ table, cleanUp }) => `${cleanUp} ${table}`).join(', '),
    async open(context) {
      const url = await readSecret(config.source.url, 'source.url');
      const connection = await openConnection(parseConnectionUrl(url), context.signal);
      return new CleanUpSink(connection, tables);
    },
  };
}

class CleanUpSink implements Sink {
  readonly capabilities = { unit: 'batch', checkpointIn: 'lane', recordBytesMax: undefined } as const;
  readonly #connection: Connection;
  readonly #cleaners: readonly AdoptedOutboxCleaner[];

  constructor(connection: Connection, tables: readonly AdoptedOutboxOptions[]) {
    this.#connection = connection;
    this.#cleaners = tables.map(({ table, cleanUp }) => {
      const { schemaName, objectName } = parseQualifiedName(table);
      return new AdoptedOutboxCleaner({ connection, table: { schemaName, tableName: objectName }, mode: cleanUp });
    });
  }

  readCheckpoint(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** The same ids may come again after a crash: a row that is marked or gone is left alone. */
  async write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    const ids = batch.records.flatMap(({ record }) => (record.kind === 'event' ? [record.event.id] : []));
    for (const cleaner of this.#cleaners) await cleaner.clean(ids, signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection.close();
  }
}
