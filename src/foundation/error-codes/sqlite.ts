/** Errors of the area SQLITE: what the SQLite sink has beside those of all sinks (SINK). A code is never reused. */
export const sqliteErrorCodes = {
  'HW-SQLITE-001': {
    title: 'an option of the SQLite sink is not valid',
    why: 'The sink starts with options that are right as a whole, or not at all.',
    fix: 'Mend the named option. `docs/how-to/sink-sqlite.md` lists all of them.',
    policy: 'stop',
    exitCode: 2,
  },
  'HW-SQLITE-002': {
    title: 'the file is no SQLite database, or is damaged',
    why: 'SQLite refuses to read it. Writing on would make it worse.',
    fix: 'Restore the file from a copy, or move it away and begin anew under a new lane name.',
    policy: 'stop',
    exitCode: 8,
  },
  'HW-SQLITE-003': {
    title: 'the disk of the SQLite database has no room',
    why: 'The transaction was undone as a whole. The lane waits, and the journal keeps what is not delivered.',
    fix: 'Make room on the disk of the file in the message.',
    policy: 'retry',
    exitCode: 6,
  },
  'HW-SQLITE-004': {
    title: 'two source tables would go into one table',
    why: 'SQLite has no schemas, and its names do not tell upper from lower case. Rows of two tables in one cannot be told apart.',
    fix: 'Give one of them another name with the option `tables`.',
    policy: 'stop',
    exitCode: 8,
  },
} as const;
