import type { TokenPlaces } from '../delivery/token-places.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { encodeVersionToken, type VersionToken } from '../model/version-token.ts';
import { parseConnectionUrl } from '../postgres/connection-options.ts';
import { openConnection } from '../postgres/pg-connection.ts';
import { readSourceFacts, toTokenEntry } from '../postgres/source-place.ts';
import { sourcePlaceStatement } from '../postgres/source-place.sql.ts';
import type { ResolvedConfig } from './config-types.ts';
import { readSecret } from './secret.ts';

/** What stands for everything that the source has committed by now. @throws HW-SOURCE codes of the connection, HW-TOKEN-006 on a standby */
async function readCommittedToken({ source }: ResolvedConfig, signal: AbortSignal): Promise<VersionToken> {
  const url = await readSecret(source.url, 'source.url');
  await using connection = await openConnection(parseConnectionUrl(url), signal);
  const [row] = await connection.query(sourcePlaceStatement, [], signal);
  return encodeVersionToken([toTokenEntry(row, readSourceFacts(row), undefined)]);
}

/** As long as it takes: the caller's signal ends it. */
const timeoutMs = 0x7fff_ffff;

/**
 * Resolves when the journal holds everything that the source had committed at the call.
 * @throws what asking the source throws, and what capture ended with
 */
export async function waitForCommitted(
  config: ResolvedConfig,
  { tokens, captureEnd }: { readonly tokens: TokenPlaces; readonly captureEnd: Promise<HeadwaterError | undefined> },
  signal: AbortSignal | undefined,
): Promise<void> {
  const waiting = new AbortController();
  const cancelled = AbortSignal.any([waiting.signal, ...(signal === undefined ? [] : [signal])]);
  void captureEnd.then((error) =>
    waiting.abort(error ?? new HeadwaterError('HW-INTERNAL-003', 'capture was stopped meanwhile')),
  );
  await tokens.locate(await readCommittedToken(config, cancelled), { timeoutMs, signal: cancelled });
}
