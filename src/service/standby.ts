import { hostname } from 'node:os';

import { type Instant, systemClock } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { silentLogger } from '../foundation/logger.ts';
import { nodeDisk } from '../foundation/node-disk.ts';
import { type JournalOwner, type JournalPlace, readOwner, waitForOwnerEnd } from '../journal/embedded/journal-owner.ts';
import type { OpenedJournal } from '../journal/embedded/open-journal.ts';
import type { ResolvedConfig } from './config-types.ts';
import { type HttpServer, startHttpServer } from './http-server.ts';
import { readSecret } from './secret.ts';
import { buildStandbyReport, type StandbyReport } from './standby-report.ts';

/** How a process stands by. */
export interface StandbyOptions {
  /** Where it answers while it stands by; 0 takes a free port. Default: nowhere, for the owner has the configured one. */
  readonly httpPort?: number | undefined;
  /** Told once, when it is clear that another process holds the journal. */
  readonly onWaiting?: ((owner: StandbyReport['owner'], httpUrl: string | undefined) => void) | undefined;
}

/** A journal that is ours now, and what came before. */
export interface AwaitedJournal {
  readonly journal: OpenedJournal;
  /** Undefined: nobody held it, and there was no waiting. */
  readonly before: { readonly owner: JournalOwner | undefined; readonly endedAt: Instant } | undefined;
}

/** What a standby waits with. */
export interface StandbyStart {
  readonly config: ResolvedConfig;
  readonly options: StandbyOptions;
  /** Takes the journal, or throws whose it is. */
  readonly open: () => Promise<OpenedJournal>;
  readonly signal: AbortSignal | undefined;
}

const heldCodes: ReadonlySet<string> = new Set(['HW-JOURNAL-001', 'HW-JOURNAL-002', 'HW-JOURNAL-003']);

/**
 * Takes the journal as soon as it is free. It is the journal's lock that decides, which the operating system takes from a
 * process that ends, however it ends: a standby never takes the journal from a process that may still write.
 * @throws what `open` throws but for a journal that is held, HW-SERVICE-001; rejects with `signal.reason` on cancel
 */
export async function awaitJournal({ config, options, open, signal }: StandbyStart): Promise<AwaitedJournal> {
  const place: JournalPlace = { directory: config.journal.directory, disk: nodeDisk, clock: systemClock };
  const never = new AbortController().signal;
  let standing: Standing | undefined;
  let before: AwaitedJournal['before'];
  try {
    for (;;) {
      signal?.throwIfAborted();
      const journal = await openUnlessHeld(open);
      if (journal !== undefined) return { journal, before };
      const owner = await readOwner(place, hostname());
      standing ??= await standBy({ config, options, place });
      const seenAt = systemClock.now();
      const wasThere = await waitForOwnerEnd(place, signal ?? never);
      // Of an owner whose end nobody saw, the last look at it counts; of one that is gone, the first.
      const isGone = !wasThere && owner?.state === 'unknown';
      if (!isGone || before === undefined) before = { owner, endedAt: wasThere ? systemClock.now() : seenAt };
    }
  } finally {
    await standing?.http?.[Symbol.asyncDispose]();
  }
}

async function openUnlessHeld(open: StandbyStart['open']): Promise<OpenedJournal | undefined> {
  try {
    return await open();
  } catch (thrown) {
    if (thrown instanceof HeadwaterError && heldCodes.has(thrown.code)) return undefined;
    throw thrown;
  }
}

interface Standing {
  readonly http: HttpServer | undefined;
}

async function standBy({
  config,
  options,
  place,
}: Pick<StandbyStart, 'config' | 'options'> & { readonly place: JournalPlace }): Promise<Standing> {
  const startedAt = new Date(systemClock.now());
  const report = async (): Promise<StandbyReport> =>
    buildStandbyReport({
      installation: config.installation,
      startedAt,
      now: new Date(systemClock.now()),
      owner: await readOwner(place, hostname()),
    });
  const http = await listen(config, options.httpPort, report);
  const { owner } = await report();
  (config.logger ?? silentLogger).info('service.stands_by', { owner: owner?.pid, host: owner?.host, http: http?.url });
  options.onWaiting?.(owner, http?.url);
  return { http };
}

async function listen(
  { http }: ResolvedConfig,
  port: number | undefined,
  status: () => Promise<StandbyReport>,
): Promise<HttpServer | undefined> {
  if (http === false || port === undefined) return undefined;
  const token = http.token === undefined ? undefined : await readSecret(http.token, 'http.token');
  return await startHttpServer({ ...http, port, token, status, lanes: [], replay: refuseReplay });
}

function refuseReplay(lane: string): Promise<never> {
  return Promise.reject(new HeadwaterError('HW-LANE-012', `lane "${lane}" runs in the owner: this process stands by`));
}
