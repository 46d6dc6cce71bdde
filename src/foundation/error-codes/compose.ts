/** Errors of the area COMPOSE: flows and what they promise as a whole. A code is never reused. */
export const composeErrorCodes = {
  'HW-COMPOSE-001': {
    title: 'no part of a flow has that name',
    why: 'What is not known promises nothing, so nothing can be said of a flow with it.',
    fix: 'The message lists the names. `emit` is short for `emit-message`; `plain-call` is a call of another system without a key.',
    policy: 'stop',
    exitCode: 4,
  },
  'HW-COMPOSE-002': {
    title: 'the parts of a flow do not follow one another',
    why: 'A part speaks of what arrives from the one before it. Behind another one its guarantee would mean nothing.',
    fix: 'Name the parts in the direction of a change, such as `emit kafka inbox`. The hint says what can follow.',
    policy: 'stop',
    exitCode: 2,
  },
} as const;
