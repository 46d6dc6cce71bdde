/** The table of the reports: one row for each effect, numbered as they arrive. */
export const createEffectTable = `
  create table effect (
    arrived bigint generated always as identity,
    event_id text primary key,
    order_id text not null,
    type text not null
  )`;

/** Drops an event whose id it has had, in every act: $1 id, $2 order, $3 type. */
export const insertEffectStatement = `
  insert into effect (event_id, order_id, type) values ($1, $2, $3) on conflict (event_id) do nothing`;

/** The effects on orders whose ids match $1, in the order of their arrival. */
export const selectEffects = `
  select event_id, order_id, type from public.effect where order_id like $1 order by arrived`;
