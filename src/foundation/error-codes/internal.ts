/** Errors that no other area names. */
export const internalErrorCodes = {
  'HW-INTERNAL-001': {
    title: 'an error that Headwater does not know was thrown',
    why: 'An unknown error says nothing about what was done, so the component that met it stops and loses nothing.',
    fix: 'Read the cause. If it comes from Headwater itself, report it with the output of `headwater doctor --json`.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-INTERNAL-002': {
    title: 'an invariant does not hold',
    why: 'A rule that must always hold was found broken. Going on could lose, invent or reorder changes.',
    fix: 'Keep the journal directory as it is and report the message; nothing that was confirmed is lost.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-INTERNAL-003': {
    title: 'the operation was stopped before it ended',
    why: 'A stop, an interrupt or an aborted signal ended the wait. What was not acknowledged is done again at the next start.',
    fix: 'Nothing, if the stop was wanted. Otherwise look for what stopped the process.',
    policy: 'stop',
    exitCode: 1,
  },
} as const;
