import type { Command } from './command.ts';
import { createCompletionCommand } from './commands/completion.ts';
import { demoCommand } from './commands/demo.ts';
import { devCommand } from './commands/dev.ts';
import { doctorCommand } from './commands/doctor.ts';
import { explainCommand } from './commands/explain.ts';
import { healthcheckCommand } from './commands/healthcheck.ts';
import { journalCommand } from './commands/journal.ts';
import { runCommand } from './commands/run.ts';
import { sqlCommand } from './commands/sql.ts';
import { statusCommand } from './commands/status.ts';
import { tailCommand } from './commands/tail.ts';
import { traceCommand } from './commands/trace.ts';

/** The verbs of the `headwater` command, in the order of `--help`. */
export const commands: readonly Command[] = [
  demoCommand,
  devCommand,
  doctorCommand,
  runCommand,
  statusCommand,
  tailCommand,
  traceCommand,
  journalCommand,
  sqlCommand,
  explainCommand,
  healthcheckCommand,
  createCompletionCommand(() => commands),
];
