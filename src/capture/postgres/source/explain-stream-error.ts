import { HeadwaterError } from '../../../foundation/error.ts';
import { checkPublicationsExist, checkSlotKind, comparePublications } from './compare-source.ts';
import type { SourceCatalog } from './source-catalog.ts';
import type { PostgresSourceOptions } from './source-options.ts';

/** SQLSTATEs that a stream ends with when its slot or publication is at fault. Texts differ from version to version. */
const objectStates = new Set(['55000', '42704']);

/**
 * Asks the catalogs why the server ended a stream, where its error does not say: the slot was invalidated (HW-SOURCE-013), or
 * the publication is missing now (009), is another one than the journal recorded (018) or was missing at the place that is
 * decoded (031). Any other error is returned as it is.
 */
export async function explainStreamError(
  error: HeadwaterError,
  catalog: SourceCatalog,
  options: Pick<PostgresSourceOptions, 'slotName' | 'publicationNames' | 'recorder'>,
): Promise<HeadwaterError> {
  const sqlState = error.details['sqlState'];
  const isSkipped = error.code === 'HW-SOURCE-031';
  if (!isSkipped && (typeof sqlState !== 'string' || !objectStates.has(sqlState))) return error;
  try {
    const slot = await catalog.readSlot(options.slotName);
    const publications = await catalog.readPublications(options.publicationNames);
    const invalid = slot === undefined ? undefined : checkSlotKind(slot, slot.databaseName ?? '');
    const missing = checkPublicationsExist(options.publicationNames, publications);
    if (invalid !== undefined) return invalid;
    if (missing !== undefined) return missing;
    const { source } = options.recorder.state;
    const changed = source === undefined ? undefined : comparePublications(source, publications);
    if (changed !== undefined) return changed;
    if ((sqlState !== '42704' && !isSkipped) || slot === undefined) return error;
    const names = options.publicationNames.join(', ');
    return new HeadwaterError(
      'HW-SOURCE-031',
      `publication ${names} did not exist yet where slot "${options.slotName}" stands`,
      {
        cause: error,
      },
    );
  } catch (thrown) {
    // The catalogs cannot be asked: the connection's own error is the nearest truth, and a new connection looks again.
    return HeadwaterError.from(thrown).policy === 'retry' ? HeadwaterError.from(thrown) : error;
  }
}
