/** Errors of the area OBJECTS: Headwater's own schema in a database. A code is never reused. */
export const objectsErrorCodes = {
  'HW-OBJECTS-001': {
    title: "the database holds Headwater's objects in a newer version than this release knows",
    why: 'A newer release migrated them. Writing through an older description of them could break what that release relies on.',
    fix: 'Run the newer release here too. Migrations only go forward.',
    policy: 'stop',
    exitCode: 8,
  },
  'HW-OBJECTS-002': {
    title: "the record of Headwater's migrations has a gap",
    why: 'Migrations are applied in order and each is recorded; a missing one means that the objects were changed by other means.',
    fix: 'Compare the objects with `docs/reference/database-objects.md` and restore the rows of schema_version, or the objects.',
    policy: 'stop',
    exitCode: 8,
  },
} as const;
