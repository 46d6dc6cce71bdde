/** Errors of the area TOKEN: version tokens and reads that wait for them. A code is never reused. */
export const tokenErrorCodes = {
  'HW-TOKEN-001': {
    title: 'not a version token',
    why: 'The text was cut, damaged or made up: its form or its check sum is wrong. Nothing is guessed from the rest.',
    fix: 'Answer such a request with status 400. The client drops the token and goes on without it.',
    policy: 'stop',
    exitCode: 2,
  },
  'HW-TOKEN-002': {
    title: 'a version token has a version that this release does not read',
    why: 'A newer release wrote it. Reading it as an older one could wait for too little.',
    fix: 'Upgrade the readers first, then the writers; until then read the primary.',
    policy: 'stop',
    exitCode: 8,
  },
  'HW-TOKEN-003': {
    title: 'the version token is of another database system',
    why: 'Its locations say nothing about the source of this store: two systems count their own write-ahead logs.',
    fix: 'Read the store that follows the source of the write, or the primary. Behind a restore, the client drops the token.',
    policy: 'stop',
    exitCode: 8,
  },
  'HW-TOKEN-004': {
    title: 'the version token is of another timeline than the store',
    why: 'After a failover or restore the write may be lost or not, and this store cannot tell: locations are used again.',
    fix: 'Read the primary. The token of its answer replaces this one.',
    policy: 'stop',
    exitCode: 8,
  },
  'HW-TOKEN-005': {
    title: 'the store is not as fresh as the version token asks',
    why: 'The time given to the wait is over. An older answer would hide a write from the one who made it.',
    fix: 'Wait longer, ask another store, or read the primary: `readFresh` has all three. `status` shows the lag.',
    policy: 'retry',
    exitCode: 7,
  },
  'HW-TOKEN-006': {
    title: 'no version token can be taken on this connection',
    why: 'Only a primary knows the end of its own write-ahead log, and the role must be allowed to ask.',
    fix: 'Pass a pool of the primary. The role needs EXECUTE on pg_control_system and pg_walfile_name_offset, which PUBLIC has by default.',
    policy: 'stop',
    exitCode: 8,
  },
  'HW-TOKEN-007': {
    title: 'what the version token stands for is parked in the lane',
    why: 'The sink refused a record of that transaction. It waits for an operator, so waiting here would be for nothing.',
    fix: 'Read the primary. `headwater parked list` has the record; retry or drop it.',
    policy: 'stop',
    exitCode: 8,
  },
  'HW-TOKEN-008': {
    title: 'the store cannot be asked how fresh it is',
    why: 'The service did not answer, or answered in a way that this release does not read.',
    fix: 'Look at address and bearer token of the service, and whether it runs; read the primary meanwhile.',
    policy: 'retry',
    exitCode: 6,
  },
} as const;
