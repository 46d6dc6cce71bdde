/**
 * What a stream of changes comes from. A slot has no identity of its own in PostgreSQL, so the journal records these facts
 * and capture compares them at each start and reconnect. A change of any of them is a refusal or an explicit hand-over.
 */
export interface SourceIdentity {
  /** `system_identifier` of the cluster. */
  readonly systemId: string;
  readonly timeline: number;
  readonly databaseName: string;
  readonly databaseOid: number;
  readonly slotName: string;
  readonly publicationNames: readonly string[];
  /** The settings of the replication session that decide how values are written as text. */
  readonly sessionSettings: Readonly<Record<string, string>>;
}
