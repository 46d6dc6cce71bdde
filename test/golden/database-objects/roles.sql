-- Capture: reads the replication slot. REPLICATION reads every change of every table in the cluster, whatever GRANT says, and
-- can copy the whole cluster: guard its password like a superuser's, and let pg_hba.conf admit it from Headwater's host only.
-- It cannot write rows, make publications or change tables.
do $$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'headwater_capture') then
    create role "headwater_capture" login replication;
  end if;
end $$;
grant connect on database "shop" to "headwater_capture";
grant usage on schema "headwater" to "headwater_capture";
grant select on "headwater"."schema_version" to "headwater_capture";
do $$ declare message_function regprocedure; begin
  for message_function in
    select oid::regprocedure from pg_catalog.pg_proc
    where proname = 'pg_logical_emit_message' and pronamespace = 'pg_catalog'::regnamespace
  loop
    execute pg_catalog.format('revoke execute on function %s from public', message_function);
    execute pg_catalog.format('grant execute on function %s to %I', message_function, 'headwater_capture');
  end loop;
end $$;
grant usage on schema "public" to "headwater_capture";
grant select (id, published), update (published) on "public"."outbox" to "headwater_capture";
grant usage on schema "Billing" to "headwater_capture";
grant select (id), delete on "Billing"."outbox" to "headwater_capture";

-- Application: writes events in its own transactions, takes messages by its inboxes, and keeps idempotency keys. It cannot read,
-- change or delete events.
-- Grant it to the role that the application logs in as, or let the application log in as it.
do $$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'headwater_application') then
    create role "headwater_application" login;
  end if;
end $$;
grant connect on database "shop" to "headwater_application";
grant usage on schema "headwater" to "headwater_application";
grant insert on "headwater"."outbox" to "headwater_application";
grant select, insert, update, delete on "headwater"."inbox" to "headwater_application";
grant select, insert, update, delete on "headwater"."inbox_consumer" to "headwater_application";
grant select, insert, update, delete on "headwater"."inbox_key" to "headwater_application";
grant select, insert, update, delete on "headwater"."inbox_held" to "headwater_application";
grant select, insert, update, delete on "headwater"."inbox_effect" to "headwater_application";
grant select, insert, update, delete on "headwater"."idempotency_key" to "headwater_application";
do $$ declare message_function regprocedure; begin
  for message_function in
    select oid::regprocedure from pg_catalog.pg_proc
    where proname = 'pg_logical_emit_message' and pronamespace = 'pg_catalog'::regnamespace
  loop
    execute pg_catalog.format('revoke execute on function %s from public', message_function);
    execute pg_catalog.format('grant execute on function %s to %I', message_function, 'headwater_application');
  end loop;
end $$;

-- Sink or handler: writes derived tables together with its receipts. It cannot read the source.
do $$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'headwater_sink') then
    create role "headwater_sink" login;
  end if;
end $$;
grant connect on database "shop" to "headwater_sink";
grant usage on schema "headwater" to "headwater_sink";
grant select, insert on "headwater"."inbox" to "headwater_sink";
grant usage on schema "copy" to "headwater_sink";
grant select, insert, update, delete, truncate on "copy"."orders" to "headwater_sink";
do $$ declare serial_sequence regclass; begin
  for serial_sequence in
    select d.objid::regclass from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
      and d.deptype = 'a' and d.refobjid = '"copy"."orders"'::regclass
      and exists (select from pg_catalog.pg_class c where c.oid = d.objid and c.relkind = 'S')
  loop
    execute pg_catalog.format('grant usage on sequence %s to %I', serial_sequence, 'headwater_sink');
  end loop;
end $$;
