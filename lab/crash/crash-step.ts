/** The moments of capture at which the process is killed, in the order in which a transaction passes them. */
export const captureSteps = [
  'receive',
  'torn-append',
  'append-before-flush',
  'flush-before-confirm',
  'after-confirm',
] as const;

/** The moments of each sink between its write and the checkpoint that remembers it. */
export const sinkSteps = {
  mirror: ['mirror-before-commit', 'mirror-after-commit'],
  kafka: ['kafka-before-commit', 'kafka-after-commit'],
  handler: ['handler-after-commit', 'handler-before-checkpoint'],
} as const;

export type CaptureStep = (typeof captureSteps)[number];
export type SinkName = keyof typeof sinkSteps;
export type SinkStep = (typeof sinkSteps)[SinkName][number];

/** A place at which the process is killed. `kill-at-step.ts` says what each means and how it is known. */
export type CrashStep = CaptureStep | SinkStep;

/** What is asked of the process: die when the step is reached for the n-th time from now on. */
export interface ArmedStep {
  readonly step: CrashStep;
  /** From 1. */
  readonly occurrence: number;
}

/** What the process wrote down in its last moment. */
export interface CrashMark {
  readonly step: CrashStep;
  /** For `after-confirm`: what PostgreSQL was told. */
  readonly confirmedLsn?: string;
  /** For `mirror-before-commit`: the target had answered the move of the checkpoint when COMMIT was held back. */
  readonly isAnswered?: boolean;
  /** For `kafka-after-commit`: the coordinator's answer, 0 for success. */
  readonly errorCode?: number;
}

/** Environment variables that lead the preload to its two files. */
export const armFileVariable = 'HEADWATER_LAB_ARM_FILE';
export const markFileVariable = 'HEADWATER_LAB_MARK_FILE';
/** How the lab's own connections to PostgreSQL call themselves, so that the wire tells which sink is speaking. */
export const handlerApplicationName = 'crash-handler';
export const crashInstallation = 'crash';
