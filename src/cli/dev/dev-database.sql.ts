/** One publication of every table there is and will be: a first hour needs no list. Made by the superuser only. */
export const createPublicationOfAllTables = `create publication headwater for all tables`;

/** Whether a publication of that name exists. */
export const findPublication = `select pubname from pg_catalog.pg_publication where pubname = $1`;

/** Whether a table exists; its name is quoted as SQL has it. */
export const findTable = `select pg_catalog.to_regclass($1)::text as name`;
