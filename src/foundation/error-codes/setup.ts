/** Errors of the area SETUP: what `init`, `migrate` and `destroy` make and remove. A code is never reused. */
export const setupErrorCodes = {
  'HW-SETUP-001': {
    title: 'nothing is destroyed while Headwater runs',
    why: 'A running Headwater would lose its source under way, and its journal has a history that no new slot goes on with.',
    fix: 'Stop every `headwater run` (and every application that embeds it) of this installation, then run destroy again.',
    policy: 'stop',
    exitCode: 8,
  },
  'HW-SETUP-002': {
    title: 'nothing is destroyed without a yes',
    why: 'What is dropped cannot be brought back: changes that no journal holds are lost for Headwater.',
    fix: 'Look at it with --dry-run, then answer "yes" on a terminal or give --yes.',
    policy: 'stop',
    exitCode: 8,
  },
  'HW-SETUP-003': {
    title: 'this role lacks the right to set up or remove objects of the database',
    why: 'Schemas, tables and publications are made and dropped by an owner; the roles that Headwater runs as are none on purpose.',
    fix: "Give an owner's address with --url, or have an owner run the SQL that `headwater init --print-sql` and `headwater destroy --dry-run` print.",
    policy: 'stop',
    exitCode: 5,
  },
  'HW-SETUP-004': {
    title: 'the package.json of the project cannot be read',
    why: 'What a project uses is told by its package.json; a broken one would make every guess wrong.',
    fix: 'Mend the file that the message names, or run the command in the directory of the application.',
    policy: 'stop',
    exitCode: 2,
  },
  'HW-SETUP-005': {
    title: 'a file could not be written',
    why: 'The directory cannot be written by this user, or something that is no file has the name.',
    fix: 'Correct the rights of the directory that the message names, or choose another one.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-SETUP-006': {
    title: 'the directory of migrations does not have the form of its tool',
    why: 'A migration that is put into the wrong place or order would never run, or break those behind it.',
    fix: 'Name the directory that the migration tool itself reads: `drizzle`, `prisma/migrations`, or the location of Flyway.',
    policy: 'stop',
    exitCode: 2,
  },
} as const;
