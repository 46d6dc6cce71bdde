import { HeadwaterError } from '../../../foundation/error.ts';
import { formatLsn, type Lsn } from '../../../model/lsn.ts';
import type { SourceIdentity } from '../../../model/source-identity.ts';
import type { RecorderState } from '../../change-recorder.ts';
import type { PublicationFacts, SlotFacts } from './source-facts.ts';

/*
 * Whether the source is still the one that the journal recorded. A slot has no identity of its own and PostgreSQL never
 * complains: it accepts any confirmation, fast-forwards old positions and skips to new ones without a word. Therefore every
 * location is durable in the journal before it is confirmed, and the slot's own position tells:
 *
 *   confirmed > recorded    moved by somebody, or created anew: creation writes WAL and starts behind it, so a new slot
 *                           stands beyond the recorded location even when nothing else was written. Changes are missing.
 *   confirmed ≤ recorded    ours. Behind it after a server crash, which forgets confirmations since the last checkpoint:
 *                           what comes again is dropped as duplicate.
 *   recorded > end of WAL   the server was restored; its next changes get locations that the journal has already.
 */

/** What the server says now, by the replication session and the catalogs. */
export interface FoundSource {
  readonly systemId: string;
  readonly timeline: number;
  readonly databaseName: string;
  readonly databaseOid: number;
  /** End of the server's WAL. */
  readonly walEndLsn: Lsn;
  readonly slot: SlotFacts | undefined;
  readonly publications: readonly PublicationFacts[];
  readonly sessionSettings: Readonly<Record<string, string>>;
}

/** What the configuration asks for. */
export interface WantedSource {
  readonly slotName: string;
  readonly publicationNames: readonly string[];
}

type RecordedState = Pick<RecorderState, 'recordedLsn'>;

/**
 * Compares a source with the history that a journal holds of it. Undefined: it goes on.
 * Otherwise the refusal: HW-SOURCE-009, 011, 013 to 018, 020, 025, 030, 032 or 033.
 */
export function compareSource(
  recorded: RecordedState & { readonly source: SourceIdentity },
  found: FoundSource,
  wanted: WantedSource,
): HeadwaterError | undefined {
  return (
    compareConfiguration(recorded.source, wanted) ??
    compareServer(recorded.source, found) ??
    comparePublications(recorded.source, found.publications) ??
    compareSlot(recorded, found, wanted.slotName)
  );
}

/** Names what keeps a slot from being read at all: HW-SOURCE-013 or 020. */
export function checkSlotKind(slot: SlotFacts, databaseName: string): HeadwaterError | undefined {
  const faults = [
    slot.slotType === 'logical' ? undefined : `it is a ${slot.slotType} slot`,
    slot.plugin === 'pgoutput' || slot.slotType !== 'logical' ? undefined : `its plug-in is ${slot.plugin ?? 'none'}`,
    slot.databaseName === databaseName || slot.slotType !== 'logical'
      ? undefined
      : `its database is "${slot.databaseName ?? ''}"`,
    slot.isTemporary ? 'it is temporary' : undefined,
    slot.isTwoPhase ? 'it decodes prepared transactions' : undefined,
  ].filter((fault) => fault !== undefined);
  if (faults.length > 0) {
    return new HeadwaterError('HW-SOURCE-020', `slot "${slot.slotName}" cannot be read: ${faults.join(', ')}`);
  }
  if (slot.invalidationReason === undefined) return undefined;
  return new HeadwaterError(
    'HW-SOURCE-013',
    `PostgreSQL invalidated slot "${slot.slotName}": ${slot.invalidationReason}`,
    {
      details: { slot: slot.slotName, reason: slot.invalidationReason },
    },
  );
}

/** HW-SOURCE-009 when a wanted publication does not exist. `createSql` says how it would. */
export function checkPublicationsExist(
  names: readonly string[],
  found: readonly PublicationFacts[],
): HeadwaterError | undefined {
  const missing = names.filter((name) => !found.some((publication) => publication.name === name));
  if (missing.length === 0) return undefined;
  const list = missing.map((name) => `"${name}"`).join(', ');
  return new HeadwaterError('HW-SOURCE-009', `the publication ${list} does not exist`, { details: { missing: list } });
}

function compareConfiguration(source: SourceIdentity, wanted: WantedSource): HeadwaterError | undefined {
  if (source.slotName !== wanted.slotName) {
    return new HeadwaterError(
      'HW-SOURCE-033',
      `the journal was recorded from slot "${source.slotName}", not "${wanted.slotName}"`,
    );
  }
  const recordedNames = source.publicationNames.toSorted().join(', ');
  const wantedNames = wanted.publicationNames.toSorted().join(', ');
  if (recordedNames === wantedNames) return undefined;
  return new HeadwaterError(
    'HW-SOURCE-032',
    `the journal was recorded with publication ${recordedNames}, not ${wantedNames}`,
  );
}

function compareServer(source: SourceIdentity, found: FoundSource): HeadwaterError | undefined {
  if (source.systemId !== found.systemId) {
    return new HeadwaterError(
      'HW-SOURCE-015',
      `the journal comes from cluster ${source.systemId}, the server is ${found.systemId}`,
      {
        details: { recorded: source.systemId, found: found.systemId },
      },
    );
  }
  if (source.timeline !== found.timeline) {
    return new HeadwaterError(
      'HW-SOURCE-016',
      `the journal was recorded on timeline ${source.timeline}, the server is on ${found.timeline}`,
      {
        details: { recorded: source.timeline, found: found.timeline },
      },
    );
  }
  if (source.databaseOid !== found.databaseOid || source.databaseName !== found.databaseName) {
    const recorded = `"${source.databaseName}" (oid ${source.databaseOid})`;
    return new HeadwaterError(
      'HW-SOURCE-025',
      `the journal comes from database ${recorded}, not "${found.databaseName}" (oid ${found.databaseOid})`,
    );
  }
  const changed = Object.keys({ ...source.sessionSettings, ...found.sessionSettings }).find(
    (name) => source.sessionSettings[name] !== found.sessionSettings[name],
  );
  if (changed === undefined) return undefined;
  const values = `"${source.sessionSettings[changed] ?? ''}" then, "${found.sessionSettings[changed] ?? ''}" now`;
  return new HeadwaterError('HW-SOURCE-030', `the session setting ${changed} differs: ${values}`);
}

/** Whether the publications are still those that were recorded: HW-SOURCE-009 or 018. */
export function comparePublications(
  source: SourceIdentity,
  found: readonly PublicationFacts[],
): HeadwaterError | undefined {
  const missing = checkPublicationsExist(source.publicationNames, found);
  if (missing !== undefined) return missing;
  for (const [index, name] of source.publicationNames.entries()) {
    const recordedOid = source.publicationOids[index];
    const foundOid = found.find((publication) => publication.name === name)?.oid;
    if (recordedOid === foundOid) continue;
    return new HeadwaterError('HW-SOURCE-018', `publication "${name}" is another one than the journal recorded`, {
      details: { publication: name, recordedOid: recordedOid ?? 0, foundOid: foundOid ?? 0 },
    });
  }
  return undefined;
}

function compareSlot(recorded: RecordedState, found: FoundSource, slotName: string): HeadwaterError | undefined {
  const { slot, walEndLsn } = found;
  const from = formatLsn(recorded.recordedLsn);
  // A restored server usually lacks the slot, too: this is the deeper reason.
  if (recorded.recordedLsn > walEndLsn) {
    const end = formatLsn(walEndLsn);
    return new HeadwaterError('HW-SOURCE-017', `the journal recorded up to ${from}, the server's WAL ends at ${end}`, {
      details: { recordedLsn: from, walEndLsn: end },
    });
  }
  if (slot === undefined) {
    return new HeadwaterError('HW-SOURCE-011', `slot "${slotName}" is gone; the journal ends at ${from}`, {
      details: { slot: slotName, recordedLsn: from },
    });
  }
  const unreadable = checkSlotKind(slot, found.databaseName);
  if (unreadable !== undefined) return unreadable;
  if (slot.confirmedLsn === undefined || slot.confirmedLsn <= recorded.recordedLsn) return undefined;
  const to = formatLsn(slot.confirmedLsn);
  return new HeadwaterError(
    'HW-SOURCE-014',
    `slot "${slotName}" stands at ${to}, the journal ends at ${from}: changes in [${from}, ${to}) are missing`,
    {
      details: { slot: slotName, from, to },
    },
  );
}
