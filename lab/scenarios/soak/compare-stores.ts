import type { ParkedLaneJson } from '../../../src/service/parked-json.ts';
import { isSameSum, RowSum, type TableSum } from '../row-sum.ts';
import { sumTables } from '../sum-tables.ts';
import type { LogFold } from './log-fold.ts';
import {
  type LogLane,
  logLanes,
  type LogPlaces,
  readLog,
  readRedisParts,
  readSource,
  sumSqlite,
} from './read-stores.ts';
import { partTable, refusedType, soakTables } from './soak-tables.ts';

/** What a comparison found. */
export interface Comparison {
  readonly problems: readonly string[];
  /** Parts in each store, the source included; in a log those that a reader is left with. */
  readonly rows: Readonly<Record<string, number>>;
  /** Records in each log, a TRUNCATE in several partitions counted once. */
  readonly records: Readonly<Record<string, number>>;
}

/** What each sink was made to refuse. */
const poisonedSubject: Readonly<Record<string, string>> = {
  kafka: `public.${partTable.name}`,
  rabbitmq: `public.${partTable.name}`,
  webhook: refusedType,
  handler: refusedType,
};

/**
 * Asks every store. Mirror, SQLite, Redis, NATS and file park nothing and equal the source. The file then holds every record, and what
 * another log lacks of them must be exactly what its lane lists as parked; where nothing is parked, each store equals the source.
 */
export class StoreComparison {
  readonly #places: LogPlaces;
  /** What was read before. */
  readonly #logs = new Map<LogLane, LogFold>();

  constructor(places: LogPlaces) {
    this.#places = places;
  }

  async compare(parked: readonly ParkedLaneJson[]): Promise<Comparison> {
    const { directory, servers } = this.#places;
    const source = await sumTables(servers.source.url, soakTables);
    const { events, parts } = await readSource(servers);
    const problems: string[] = [];
    const rows: Record<string, number> = { source: source[0]?.rows ?? 0 };
    const judge = (store: string, sums: readonly TableSum[]): void => {
      rows[store] = sums[0]?.rows ?? 0;
      problems.push(...differences(store, source, sums));
    };
    judge('mirror', await sumTables(servers.mirror.url, soakTables));
    judge('sqlite', sumSqlite(directory));
    for (const lane of logLanes) {
      const log = await readLog(lane, this.#places, this.#logs.get(lane));
      this.#logs.set(lane, log);
      problems.push(...log.faults.slice(0, 3).map((fault) => `${lane}: ${fault}`));
      const lists = parked.find((entry) => entry.lane === lane);
      if (isEmpty(lists)) judge(lane, log.sums);
      else rows[lane] = log.sums[0]?.rows ?? 0;
      const whole = this.#logs.get('file')?.ids ?? new Set<string>();
      problems.push(...judgeRecords(lane, { log, whole, lists }));
      if (lane === 'file') problems.push(...judgeEvents(whole, events));
    }
    const redis = await readRedisParts(servers);
    rows['redis'] = redis.size;
    problems.push(...judgeRedis(parts, redis));
    for (const lists of parked) problems.push(...judgeParked(lists));
    const records = Object.fromEntries(logLanes.map((lane) => [lane, this.#logs.get(lane)?.ids.size ?? 0]));
    return { problems, rows, records };
  }
}

function differences(store: string, source: readonly TableSum[], sums: readonly TableSum[]): readonly string[] {
  return soakTables.flatMap(({ name }, index) => {
    const [one, other] = [source[index], sums[index]];
    if (one !== undefined && other !== undefined && isSameSum([one, other])) return [];
    return [`${store}: ${name} has ${other?.rows} rows ${other?.checksum}, the source ${one?.rows} ${one?.checksum}`];
  });
}

interface LogJudgement {
  readonly log: LogFold;
  /** Ids of all records there are. */
  readonly whole: ReadonlySet<string>;
  readonly lists: ParkedLaneJson | undefined;
}

function judgeRecords(lane: string, { lists, log, whole }: LogJudgement): readonly string[] {
  const listed = new Set([...(lists?.keys ?? []), ...(lists?.waiting ?? [])].map(({ id }) => id));
  return [
    ...describeIds(`${lane} lacks records that are not parked`, whole, (id) => !log.ids.has(id) && !listed.has(id)),
    ...describeIds(`${lane} holds records that are listed as parked`, listed, (id) => log.ids.has(id)),
    ...describeIds(`${lane} lists records that nobody wrote`, listed, (id) => !whole.has(id)),
    ...describeIds(`${lane} holds records that nobody wrote`, log.ids, (id) => !whole.has(id)),
  ];
}

function judgeEvents(whole: ReadonlySet<string>, events: ReadonlySet<string>): readonly string[] {
  return [
    ...describeIds('file lacks events', events, (id) => !whole.has(id)),
    // Of changes the ids are positions, with a slash in the location.
    ...describeIds('file holds events that were not committed', whole, (id) => !id.includes('/') && !events.has(id)),
  ];
}

type Parts = ReadonlyMap<string, readonly (string | null)[]>;

function judgeRedis(source: Parts, redis: Parts): readonly string[] {
  const ids = new Set([...source.keys(), ...redis.keys()]);
  return describeIds('redis differs in rows', ids, (id) => sumOf(source.get(id)) !== sumOf(redis.get(id)));
}

function sumOf(row: readonly (string | null)[] | undefined): string | undefined {
  if (row === undefined) return undefined;
  const sum = new RowSum();
  sum.add(row);
  return sum.total.checksum;
}

/** Only what was poisoned may head a parked key, and nothing was dropped. */
function judgeParked({ dropped, keys, lane }: ParkedLaneJson): readonly string[] {
  const innocent = keys.filter(({ subject }) => subject !== poisonedSubject[lane]);
  return [
    ...innocent.map(({ code, id, message, subject }) => `${lane} parked ${subject} ${id}: ${code} ${message}`),
    ...dropped.map(({ id }) => `${lane} dropped ${id}`),
  ];
}

function isEmpty(lists: ParkedLaneJson | undefined): boolean {
  return lists === undefined || (lists.keys.length === 0 && lists.waiting.length === 0);
}

function describeIds(fault: string, ids: ReadonlySet<string>, isWrong: (id: string) => boolean): readonly string[] {
  const wrong = [...ids].filter(isWrong);
  return wrong.length === 0 ? [] : [`${fault}: ${wrong.length}, such as ${wrong.slice(0, 3).join(', ')}`];
}
