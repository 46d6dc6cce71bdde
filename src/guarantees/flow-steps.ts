/** Where in a flow a part stands. */
export type FlowStage =
  | 'request'
  | 'call'
  | 'event'
  | 'capture'
  | 'journal'
  | 'delivery'
  | 'transport'
  | 'receipt'
  | 'effect'
  | 'read';

/** How a statement takes part in a flow. */
export interface FlowStep {
  readonly id: string;
  /** The statement that says what it promises. Undefined: the step before says it, of what it does not cover. */
  readonly statement: string | undefined;
  readonly stage: FlowStage;
  /** Which effect of the statement's first boundary is meant at the end of a flow. */
  readonly effect: number;
  /** Which one where the flow goes on. Default: the same. */
  readonly effectWithin?: number;
  /** Whether it drops what arrives again; a part that does not passes repetitions on, however atomic it is. */
  readonly dropsRepetitions: boolean;
  /** Whether it stands between others without being named. */
  readonly isImplied?: true;
  /** The stages that can follow. */
  readonly next: readonly FlowStage[];
}

const onRows = ['event', 'capture'] as const;

function sink(id: string, next: readonly FlowStage[], effectWithin?: number): FlowStep {
  const step = { id, statement: id, stage: 'delivery', effect: 0, dropsRepetitions: true, next } as const;
  return effectWithin === undefined ? step : { ...step, effectWithin };
}

function event(id: string): FlowStep {
  return { id, statement: id, stage: 'event', effect: 0, dropsRepetitions: false, next: ['capture'] };
}

function effect(id: string, index: number): FlowStep {
  return { id, statement: 'effect', stage: 'effect', effect: index, dropsRepetitions: true, next: [] };
}

/** Every part that a flow can be made of, in the direction of a change. */
export const flowSteps: readonly FlowStep[] = [
  {
    id: 'idempotency',
    statement: 'idempotency',
    stage: 'request',
    effect: 0,
    dropsRepetitions: true,
    next: [...onRows, 'effect'],
  },
  { id: 'transact', statement: 'transact', stage: 'call', effect: 0, dropsRepetitions: false, next: onRows },
  event('emit-message'),
  event('emit-outbox'),
  event('adopted-outbox'),
  {
    id: 'capture',
    statement: 'capture',
    stage: 'capture',
    effect: 0,
    dropsRepetitions: true,
    isImplied: true,
    next: ['journal'],
  },
  {
    id: 'journal',
    statement: 'journal',
    stage: 'journal',
    effect: 0,
    dropsRepetitions: true,
    isImplied: true,
    next: ['delivery'],
  },
  sink('kafka', ['transport', 'read']),
  sink('nats', ['transport', 'read'], 1),
  sink('rabbitmq', ['transport', 'read']),
  sink('webhook', ['transport', 'read']),
  // A handler that hands on to an inbox does that beside the row that would deduplicate its own writes.
  sink('handler', ['receipt', 'effect', 'read'], 1),
  sink('postgres', ['read']),
  sink('redis', ['read']),
  sink('sqlite', ['read']),
  sink('file', ['read']),
  sink('view', ['read']),
  {
    id: 'consumers',
    statement: 'consumers',
    stage: 'transport',
    effect: 0,
    dropsRepetitions: false,
    isImplied: true,
    next: ['receipt'],
  },
  {
    id: 'inbox',
    statement: 'inbox',
    stage: 'receipt',
    effect: 0,
    dropsRepetitions: true,
    next: [...onRows, 'effect'],
  },
  effect('keyed-effect', 0),
  effect('checked-effect', 1),
  effect('guarded-effect', 2),
  { id: 'plain-call', statement: undefined, stage: 'effect', effect: 0, dropsRepetitions: false, next: [] },
  {
    id: 'version-token',
    statement: 'version-token',
    stage: 'read',
    effect: 0,
    dropsRepetitions: true,
    next: [],
  },
];

/** What is followed from a first part on. */
export const flowSubjects: Readonly<Record<FlowStage, string>> = {
  request: 'a request with a key',
  call: 'a call of transact',
  event: 'the event',
  capture: 'a committed transaction',
  journal: 'a transaction of the journal',
  delivery: 'a record of the journal',
  transport: 'a message of the broker',
  receipt: 'a message',
  effect: 'a call',
  read: 'a write',
};
