import { hostname } from 'node:os';

import type { SourceCheck } from '../capture/source-check.ts';
import { readDirectoryFacts } from '../foundation/directory-facts.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { nodeDisk } from '../foundation/node-disk.ts';
import { readHolder } from '../journal/embedded/holder.ts';
import { journalPaths } from '../journal/embedded/journal-paths.ts';
import { isHolderRunning } from '../journal/embedded/lock-refusal.ts';
import { listSegments } from '../journal/embedded/segment-catalog.ts';
import { isProcessStopped } from '../postgres/process-identity.ts';
import type { ResolvedConfig } from './config-types.ts';
import { openConfiguredReader } from './journal-access.ts';
import { type ContentFacts, type HolderFacts, planJournalChecks } from './plan-journal-checks.ts';

/**
 * Looks at the journal of a configuration: directory, rights, space, holder, and whether headers, lengths and the tail hold.
 * Changes nothing, takes no lock, may run beside the owner.
 */
export async function inspectConfiguredJournal(config: ResolvedConfig): Promise<readonly SourceCheck[]> {
  const { directory, maxBytes, segmentBytes } = config.journal;
  try {
    const place = await readDirectoryFacts(directory);
    const isThere = place.kind === 'directory';
    const holder: HolderFacts = isThere ? await readHolderFacts(directory) : { kind: 'nobody' };
    const content = isThere ? await readContent(config) : undefined;
    return planJournalChecks({ directory, maxBytes, segmentBytes, place, holder, content });
  } catch (thrown) {
    const error = HeadwaterError.from(thrown, 'HW-JOURNAL-015', directory);
    return [{ id: 'journal.directory', result: 'failed', why: `${error.code}: ${error.message}`, fix: error.hint }];
  }
}

/** Who holds the journal in a directory, as far as can be told without its lock. Changes nothing. */
export async function readHolderFacts(directory: string): Promise<HolderFacts> {
  const holder = await readHolder(nodeDisk, journalPaths(directory).holder);
  if (holder === undefined) return { kind: 'nobody' };
  const who = `process ${holder.pid} on ${holder.host} since ${holder.since}`;
  if (holder.host !== hostname()) return { kind: 'elsewhere', who };
  if (!(await isHolderRunning(holder))) return { kind: 'nobody' };
  return { kind: (await isProcessStopped(holder.pid)) ? 'stopped' : 'running', who };
}

/** Opening checks the header of every segment, and without an owner every byte of the last one. */
async function readContent(config: ResolvedConfig): Promise<ContentFacts | HeadwaterError | undefined> {
  try {
    const segments = await listSegments(nodeDisk, journalPaths(config.journal.directory));
    if (segments.length === 0) return undefined;
    await using reader = await openConfiguredReader(config);
    const { first, last, byteCount } = await reader.extent();
    return { first, last, byteCount };
  } catch (thrown) {
    return HeadwaterError.from(thrown);
  }
}
