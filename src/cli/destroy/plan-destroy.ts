import { HeadwaterError } from '../../foundation/error.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from '../../postgres/quote.ts';
import type { HolderFacts } from '../../service/plan-journal-checks.ts';

/** The parts that can be named on the command line. */
export const destroyParts = ['slot', 'publication', 'schema'] as const;
/** A part that can be named on the command line. */
export type DestroyPart = (typeof destroyParts)[number];

/** What was found in the database. Undefined: there is none of that name. */
export interface DestroyFacts {
  readonly databaseName: string;
  readonly roleName: string;
  readonly mayDropSlot: boolean;
  readonly slot?:
    | {
        readonly name: string;
        readonly plugin: string | null;
        readonly database: string | null;
        readonly activePid: number | null;
        readonly retainedBytes: string | null;
      }
    | undefined;
  /** Other slots of this database that read publications: perhaps of another installation. */
  readonly otherSlots: readonly string[];
  readonly publication?: { readonly name: string; readonly isOurs: boolean; readonly mayDrop: boolean } | undefined;
  readonly schema?:
    | { readonly name: string; readonly mayDrop: boolean; readonly objects: readonly string[] }
    | undefined;
}

/** What is wanted: the configured names, and the parts that were named. None named: all that are certainly ours. */
export interface DestroyRequest {
  readonly slotName: string;
  readonly publicationName: string;
  readonly schemaName: string;
  readonly named: readonly DestroyPart[];
  readonly holder: HolderFacts;
}

/** What happens to one thing, and why. `statement` is what drops it. */
export interface DestroyStep {
  readonly kind: 'slot' | 'publication' | 'table' | 'schema';
  readonly name: string;
  readonly action: 'drop' | 'keep' | 'absent';
  readonly why: string;
  readonly statement: string | undefined;
}

/** Tables that Headwater's migrations and its PostgreSQL sink make. Nothing else in the schema is ours. */
const ownTables: ReadonlySet<string> = new Set([
  'outbox',
  'inbox',
  'inbox_consumer',
  'inbox_key',
  'inbox_held',
  'inbox_effect',
  'idempotency_key',
  'schema_version',
  'checkpoint',
  'mirrored_table',
  'sink_schema_version',
]);

/**
 * Decides, thing by thing, what is dropped. Pure. A publication that does not carry our mark, and what another installation may
 * share, is kept unless it was named. A schema goes only when nothing of the user's is in it.
 * @throws HW-SETUP-001 while Headwater runs, HW-SETUP-003 where a right is missing: then nothing at all is dropped
 */
export function planDestroy(facts: DestroyFacts, request: DestroyRequest): readonly DestroyStep[] {
  refuseWhileRunning(facts, request);
  const steps = [planSlot(facts, request), planPublication(facts, request), ...planSchema(facts, request)];
  refuseWithoutRight(facts, steps);
  return steps;
}

function refuseWhileRunning({ slot }: DestroyFacts, { holder, named }: DestroyRequest): void {
  if (slot?.activePid !== undefined && slot.activePid !== null) {
    throw new HeadwaterError('HW-SETUP-001', `slot "${slot.name}" is being read by server process ${slot.activePid}`, {
      details: { slot: slot.name, activePid: slot.activePid },
    });
  }
  if (holder.kind !== 'running' && holder.kind !== 'stopped') return;
  throw new HeadwaterError('HW-SETUP-001', `the journal is held by ${holder.who}`, {
    details: { holder: holder.who, named: named.join(', ') },
  });
}

function planSlot({ slot, databaseName }: DestroyFacts, request: DestroyRequest): DestroyStep {
  const base = { kind: 'slot', name: request.slotName } as const;
  if (slot === undefined) return absent(base);
  if (!isWanted('slot', request)) return keep(base, 'not named');
  if (slot.plugin !== 'pgoutput' || slot.database !== databaseName) {
    return keep(base, `it is none of Headwater's: plugin ${slot.plugin}, database ${slot.database}`);
  }
  const held = slot.retainedBytes === null ? '' : `; frees ${slot.retainedBytes} bytes of WAL`;
  const why = `changes that no journal holds are lost with it${held}`;
  return drop(base, why, `select pg_drop_replication_slot(${quoteLiteral(slot.name).trim()})`);
}

function planPublication({ publication, otherSlots }: DestroyFacts, request: DestroyRequest): DestroyStep {
  const base = { kind: 'publication', name: request.publicationName } as const;
  if (publication === undefined) return absent(base);
  if (!isWanted('publication', request)) return keep(base, 'not named');
  const statement = `drop publication ${quoteIdentifier(publication.name)}`;
  if (request.named.includes('publication')) return drop(base, 'named on the command line', statement);
  if (!publication.isOurs) {
    return keep(base, 'it does not carry the mark of Headwater; `headwater destroy publication` drops it all the same');
  }
  if (otherSlots.length > 0) return keep(base, sharedWhy(otherSlots, 'publication'));
  return drop(base, 'made by Headwater', statement);
}

function planSchema({ schema, otherSlots }: DestroyFacts, request: DestroyRequest): readonly DestroyStep[] {
  const base = { kind: 'schema', name: request.schemaName } as const;
  if (schema === undefined) return [absent(base)];
  if (!isWanted('schema', request)) return [keep(base, 'not named')];
  if (otherSlots.length > 0 && !request.named.includes('schema')) return [keep(base, sharedWhy(otherSlots, 'schema'))];
  if (!schema.objects.includes('schema_version') && !schema.objects.includes('sink_schema_version')) {
    return [keep(base, 'it holds no record of Headwater, so it is not ours')];
  }
  const tables = schema.objects
    .filter((name) => ownTables.has(name))
    .map((name) => {
      const table = { kind: 'table', name: `${schema.name}.${name}` } as const;
      return drop(table, 'made by Headwater, with its rows', `drop table ${quoteQualified(schema.name, name)}`);
    });
  const foreign = schema.objects.filter((name) => !ownTables.has(name));
  if (foreign.length > 0) return [...tables, keep(base, `it also holds ${foreign.join(', ')}, made by others`)];
  return [...tables, drop(base, 'empty then', `drop schema ${quoteIdentifier(schema.name)}`)];
}

function refuseWithoutRight(facts: DestroyFacts, steps: readonly DestroyStep[]): void {
  const isAllowed: Readonly<Record<DestroyStep['kind'], boolean>> = {
    slot: facts.mayDropSlot,
    publication: facts.publication?.mayDrop ?? true,
    table: facts.schema?.mayDrop ?? true,
    schema: facts.schema?.mayDrop ?? true,
  };
  const refused = steps.filter(({ action, kind }) => action === 'drop' && !isAllowed[kind]);
  if (refused.length === 0) return;
  const names = refused.map(({ kind, name }) => `${kind} ${name}`).join(', ');
  throw new HeadwaterError('HW-SETUP-003', `the role "${facts.roleName}" may not drop ${names}; nothing was dropped`, {
    details: { role: facts.roleName, refused: names },
    hint: `As an owner, give --url, or run: ${refused.map(({ statement }) => `${statement};`).join(' ')}`,
  });
}

function isWanted(part: DestroyPart, { named }: DestroyRequest): boolean {
  return named.length === 0 || named.includes(part);
}

function sharedWhy(slots: readonly string[], part: DestroyPart): string {
  return `slot ${slots.join(', ')} of this database may belong to an installation that shares it; \`headwater destroy ${part}\` drops it all the same`;
}

type StepBase = Pick<DestroyStep, 'kind' | 'name'>;

function absent(base: StepBase): DestroyStep {
  return { ...base, action: 'absent', why: 'there is none', statement: undefined };
}

function keep(base: StepBase, why: string): DestroyStep {
  return { ...base, action: 'keep', why, statement: undefined };
}

function drop(base: StepBase, why: string, statement: string): DestroyStep {
  return { ...base, action: 'drop', why, statement };
}
