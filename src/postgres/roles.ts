import { schemaNameDefault } from './database-objects.ts';
import { parseQualifiedName, quoteIdentifier, quoteLiteral, quoteQualified } from './quote.ts';

/** The three roles, each for one program and with nothing that program does not need. */
export type RolePurpose = 'capture' | 'application' | 'sink';

/** Names of the roles where nobody chose others. */
export const roleNameDefaults: Readonly<Record<RolePurpose, string>> = {
  capture: 'headwater_capture',
  application: 'headwater_application',
  sink: 'headwater_sink',
};

/** What the printed SQL is about. */
export interface RoleSqlOptions {
  readonly databaseName: string;
  /** Schema of Headwater's tables. Default `headwater`. */
  readonly schemaName?: string;
  readonly roleNames?: Partial<Readonly<Record<RolePurpose, string>>>;
  /** Outbox tables that the application already has: what their clean-up needs. */
  readonly adoptedOutboxes?: readonly { readonly table: string; readonly cleanUp: 'none' | 'mark' | 'delete' }[];
  /** Tables whose older rows capture copies. */
  readonly copiedTables?: readonly string[];
  /** Tables that a sink or handler writes. */
  readonly targetTables?: readonly string[];
  /**
   * `revoked`: nobody but these roles may write logical messages in the database, so nobody else can forge an event.
   * `kept` (default): PostgreSQL's own default stays, which lets every role, because other programs may rely on it.
   */
  readonly publicMessages?: 'kept' | 'revoked';
}

/** The SQL that makes one role and grants it what it needs. May be run again. Sets no password. */
export function printRoleSql(purpose: RolePurpose, options: RoleSqlOptions): string {
  const role: RoleContext = {
    name: options.roleNames?.[purpose] ?? roleNameDefaults[purpose],
    schemaName: options.schemaName ?? schemaNameDefault,
  };
  const statements = [
    createRole(role.name, purpose === 'capture' ? 'login replication' : 'login'),
    `grant connect on database ${quoteIdentifier(options.databaseName)} to ${quoteIdentifier(role.name)}`,
    ...grantsOf[purpose](role, options),
  ];
  return `${roleHeadings[purpose]}\n${statements.join(';\n')};\n`;
}

/** The SQL of all three roles. */
export function printRolesSql(options: RoleSqlOptions): string {
  const purposes: readonly RolePurpose[] = ['capture', 'application', 'sink'];
  return purposes.map((purpose) => printRoleSql(purpose, options)).join('\n');
}

interface RoleContext {
  readonly name: string;
  readonly schemaName: string;
}

const roleHeadings: Readonly<Record<RolePurpose, string>> = {
  capture: `-- Capture: reads the replication slot. REPLICATION reads every change of every table in the cluster, whatever GRANT says, and
-- can copy the whole cluster: guard its password like a superuser's, and let pg_hba.conf admit it from Headwater's host only.
-- It cannot write rows, make publications or change tables.`,
  application: `-- Application: writes events in its own transactions, takes messages by its inboxes, and keeps idempotency keys. It cannot read,
-- change or delete events.
-- Grant it to the role that the application logs in as, or let the application log in as it.`,
  sink: `-- Sink or handler: writes derived tables together with its receipts. It cannot read the source.`,
};

const grantsOf: Readonly<Record<RolePurpose, (role: RoleContext, options: RoleSqlOptions) => readonly string[]>> = {
  capture: (role, options) => [
    grantUsage(role),
    `grant select on ${quoteQualified(role.schemaName, 'schema_version')} to ${quoteIdentifier(role.name)}`,
    grantMessages(role.name, options.publicMessages ?? 'kept'),
    ...(options.copiedTables ?? []).flatMap((table) => grantCopy(role.name, table)),
    ...(options.adoptedOutboxes ?? []).flatMap((outbox) => grantCleanUp(role.name, outbox)),
  ],
  application: (role, options) => [
    grantUsage(role),
    `grant insert on ${quoteQualified(role.schemaName, 'outbox')} to ${quoteIdentifier(role.name)}`,
    ...grantInboxes(role),
    `grant select, insert, update, delete on ${quoteQualified(role.schemaName, 'idempotency_key')} to ${quoteIdentifier(role.name)}`,
    grantMessages(role.name, options.publicMessages ?? 'kept'),
  ],
  sink: (role, options) => [
    grantUsage(role),
    `grant select, insert on ${quoteQualified(role.schemaName, 'inbox')} to ${quoteIdentifier(role.name)}`,
    ...(options.targetTables ?? []).flatMap((table) => grantTarget(role.name, table)),
  ],
};

/** What `inbox` reads and writes: its receipts with their replies, and what stands beside them. */
function grantInboxes({ name, schemaName }: RoleContext): readonly string[] {
  const tables = ['inbox', 'inbox_consumer', 'inbox_key', 'inbox_held', 'inbox_effect'];
  return tables.map(
    (table) =>
      `grant select, insert, update, delete on ${quoteQualified(schemaName, table)} to ${quoteIdentifier(name)}`,
  );
}

function createRole(name: string, attributes: string): string {
  return `do $$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = ${quoteLiteral(name)}) then
    create role ${quoteIdentifier(name)} ${attributes};
  end if;
end $$`;
}

function grantUsage({ name, schemaName }: RoleContext): string {
  return `grant usage on schema ${quoteIdentifier(schemaName)} to ${quoteIdentifier(name)}`;
}

/** The function has one more argument from version 17 on, so its signatures are looked up. */
function grantMessages(roleName: string, publicMessages: 'kept' | 'revoked'): string {
  const revoke =
    publicMessages === 'revoked'
      ? "\n    execute pg_catalog.format('revoke execute on function %s from public', message_function);"
      : '';
  return `do $$ declare message_function regprocedure; begin
  for message_function in
    select oid::regprocedure from pg_catalog.pg_proc
    where proname = 'pg_logical_emit_message' and pronamespace = 'pg_catalog'::regnamespace
  loop${revoke}
    execute pg_catalog.format('grant execute on function %s to %I', message_function, ${quoteLiteral(roleName)});
  end loop;
end $$`;
}

function grantCopy(roleName: string, name: string): readonly string[] {
  const { schemaName, objectName } = parseQualifiedName(name);
  const role = quoteIdentifier(roleName);
  return [
    `grant usage on schema ${quoteIdentifier(schemaName)} to ${role}`,
    `grant select on ${quoteQualified(schemaName, objectName)} to ${role}`,
  ];
}

function grantCleanUp(
  roleName: string,
  outbox: { readonly table: string; readonly cleanUp: string },
): readonly string[] {
  const { schemaName, objectName } = parseQualifiedName(outbox.table);
  const table = quoteQualified(schemaName, objectName);
  const role = quoteIdentifier(roleName);
  const usage = `grant usage on schema ${quoteIdentifier(schemaName)} to ${role}`;
  switch (outbox.cleanUp) {
    case 'mark':
      return [usage, `grant select (id, published), update (published) on ${table} to ${role}`];
    case 'delete':
      return [usage, `grant select (id), delete on ${table} to ${role}`];
    default:
      return [];
  }
}

/** The table, its schema, and the sequences that fill its serial columns: an INSERT that leaves one out calls `nextval`. */
function grantTarget(roleName: string, name: string): readonly string[] {
  const { schemaName, objectName } = parseQualifiedName(name);
  const table = quoteQualified(schemaName, objectName);
  const role = quoteIdentifier(roleName);
  return [
    `grant usage on schema ${quoteIdentifier(schemaName)} to ${role}`,
    `grant select, insert, update, delete, truncate on ${table} to ${role}`,
    `do $$ declare serial_sequence regclass; begin
  for serial_sequence in
    select d.objid::regclass from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
      and d.deptype = 'a' and d.refobjid = ${quoteLiteral(table)}::regclass
      and exists (select from pg_catalog.pg_class c where c.oid = d.objid and c.relkind = 'S')
  loop
    execute pg_catalog.format('grant usage on sequence %s to %I', serial_sequence, ${quoteLiteral(roleName)});
  end loop;
end $$`,
  ];
}
