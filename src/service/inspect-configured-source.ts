import { openReplicationConnection } from '../capture/postgres/replication/pg-replication-connection.ts';
import { inspectSource } from '../capture/postgres/source/inspect-source.ts';
import { openSourceCatalog } from '../capture/postgres/source/sql-source-catalog.ts';
import type { SourceCheck } from '../capture/source-check.ts';
import { parseConnectionUrl } from '../postgres/connection-options.ts';
import { qualifyTable, slotNameOf } from './config.ts';
import type { ResolvedConfig } from './config-types.ts';
import { readSecret } from './secret.ts';

/** Looks at the source of a configuration. Changes nothing. @throws HW-CONFIG-005, HW-SOURCE-027 for an unreadable address */
export async function inspectConfiguredSource(
  config: ResolvedConfig,
  signal?: AbortSignal,
): Promise<readonly SourceCheck[]> {
  const { source } = config;
  const connection = parseConnectionUrl(await readSecret(source.url, 'source.url'));
  return inspectSource(
    {
      wanted: {
        slotName: slotNameOf(config),
        publicationNames: [source.publication],
        tables: source.tables,
        requiredTables: source.adoptedOutboxes.map(({ table }) => qualifyTable(table)),
        outboxTable: `${source.outboxSchema}.outbox`,
        create: source.create,
        isCanaryOn: source.canaryIntervalMs !== false,
      },
      openCatalog: (innerSignal) => openSourceCatalog(connection, innerSignal),
      openReplication: (innerSignal) => openReplicationConnection(connection, innerSignal),
    },
    signal,
  );
}
