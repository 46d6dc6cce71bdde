import { HeadwaterError } from '../foundation/error.ts';
import type { OutboundRecord } from '../delivery/sink.ts';
import type { EventTerm } from '../journal/journal-search.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import type { TableSchema } from '../model/table-schema.ts';

const fields = ['table', 'type', 'id', 'key', 'op'] as const;
type WhereField = (typeof fields)[number];

/** One equality: `table = orders`. */
export interface WhereTerm {
  readonly field: WhereField;
  readonly value: string;
}

const termPattern = /^\s*([a-z]+)\s*=\s*(?:'((?:[^']|'')*)'|"([^"]*)"|([^\s'",=]+))\s*(?:(and\b|,)\s*|$)/i;

/**
 * Reads `table=orders and op=update`: equalities on `table`, `type`, `id`, `key` and `op`, joined by `and` or a comma. Values with
 * blanks stand in quotes.
 * @throws HW-SERVICE-004 that shows where the text stops making sense.
 */
export function parseWhere(text: string): readonly WhereTerm[] {
  const terms: WhereTerm[] = [];
  let rest = text;
  let joined = true;
  while (rest.trim() !== '' || (joined && terms.length > 0)) {
    const match = termPattern.exec(rest);
    const field = fields.find((name) => name === match?.[1]?.toLowerCase());
    if (match === null || field === undefined || !joined) throw unreadable(text, rest);
    terms.push({ field, value: match[2]?.replaceAll("''", "'") ?? match[3] ?? match[4] ?? '' });
    joined = match[5] !== undefined;
    rest = rest.slice(match[0].length);
  }
  return terms;
}

/** Whether a record fits all terms. `table` fits with or without its schema. */
export function fitsWhere(
  terms: readonly WhereTerm[],
  { record, key, id }: Pick<OutboundRecord, 'record' | 'key' | 'id'>,
): boolean {
  return terms.every((term) => {
    switch (term.field) {
      case 'op':
        return record.kind === term.value;
      case 'type':
        return record.kind === 'event' && record.event.type === term.value;
      case 'id':
        return id === term.value;
      case 'key':
        return key === term.value;
      case 'table':
        return tablesOf(record).some((table) => isNamed(table, term.value));
    }
  });
}

/** The place of a record that has no id of its own: system id, timeline, commit, sequence of a snapshot chunk, ordinal. */
const placePattern = /^\d+-\d+-[0-9A-F]+\/[0-9A-F]+(?:-s\d+)?-\d+$/;

/**
 * What an index of events can be asked for these terms; undefined where a change of a row may fit too, since changes are in no
 * index. The default key of a row begins with `schema.table`.
 */
export function eventTermOf(terms: readonly WhereTerm[]): EventTerm | undefined {
  const id = terms.find((term) => term.field === 'id');
  if (id !== undefined && !placePattern.test(id.value)) return { field: 'id', value: id.value };
  const key = terms.find((term) => term.field === 'key');
  if (key === undefined) return undefined;
  const isOfEvents = terms.some(({ field, value }) => field === 'type' || (field === 'op' && value === 'event'));
  return isOfEvents || !key.value.includes('.') ? { field: 'key', value: key.value } : undefined;
}

const uuidPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** What a word to be traced stands for: an id if it has the form of one, else a key. */
export function parseTraced(word: string, isKey: boolean): readonly WhereTerm[] {
  const isId = !isKey && (uuidPattern.test(word) || placePattern.test(word));
  return [{ field: isId ? 'id' : 'key', value: word }];
}

function tablesOf(record: JournalRecord): readonly TableSchema[] {
  if (record.kind === 'event') return [];
  return record.kind === 'truncate' ? record.tables : [record.table];
}

function isNamed(table: TableSchema, name: string): boolean {
  return table.tableName === name || `${table.schemaName}.${table.tableName}` === name;
}

function unreadable(text: string, rest: string): HeadwaterError {
  return new HeadwaterError(
    'HW-SERVICE-004',
    `--where cannot be read at "${rest.slice(0, 40)}" of "${text.slice(0, 80)}"`,
    {
      hint: `Write equalities on ${fields.join(', ')}, joined by "and": --where "table=orders and op=update".`,
    },
  );
}
