/** Errors of the area DEV: the local loop of `headwater dev`. A code is never reused. */
export const devErrorCodes = {
  'HW-DEV-001': {
    title: 'the directory is not one of `headwater dev`',
    why: 'It holds files and lacks the mark that `headwater dev` leaves, and `--reset` would remove what is not ours.',
    fix: 'Name an empty or a new directory with --directory.',
    policy: 'stop',
    exitCode: 2,
  },
  'HW-DEV-002': {
    title: 'another `headwater dev` is running in that directory',
    why: 'Its PostgreSQL and its journal are in use, and removing them would take them away from under it.',
    fix: 'Stop the other one with Ctrl-C, or name another directory with --directory.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-DEV-003': {
    title: 'the command of --migrate failed',
    why: 'The tables of the application may be missing, so nothing was started on them.',
    fix: 'Run the command by itself with DATABASE_URL set to the address that was printed, and mend what it says.',
    policy: 'stop',
    exitCode: 1,
  },
} as const;
