/** Errors of the area GUARD: what must not happen inside an open transaction. A code is never reused. */
export const guardErrorCodes = {
  'HW-GUARD-001': {
    title: 'network I/O inside an open transaction',
    why: 'What another system is told inside a transaction stays told when that rolls back, and is told again when it is run again; meanwhile its locks and its connection wait for the network. `guardTransactions` has seen it.',
    fix: 'Emit an event in the transaction and let a sink tell the other system; or, where an answer is needed, make the call before the transaction or behind its commit: `prepare` with `effect` in an inbox, `run.call` between the phases of an idempotent operation. The stack shows where the call was made. `allow` lets one pass on purpose.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-GUARD-002': {
    title: 'a guard was given a mode that there is not',
    why: 'A guard that is off by mistake finds nothing and says nothing.',
    fix: 'Give `throw`, `report`, `count` or `off`; or nothing, for `throw` outside production.',
    policy: 'stop',
    exitCode: 2,
  },
} as const;
