import type { Command } from './command.ts';
import { createCompletionCommand } from './commands/completion.ts';
import { demoCommand } from './commands/demo.ts';
import { destroyCommand } from './commands/destroy.ts';
import { devCommand } from './commands/dev.ts';
import { doctorCommand } from './commands/doctor.ts';
import { eventsCommand } from './commands/events.ts';
import { explainCommand } from './commands/explain.ts';
import { healthcheckCommand } from './commands/healthcheck.ts';
import { initCommand } from './commands/init.ts';
import { journalCommand } from './commands/journal.ts';
import { parkedCommand } from './commands/parked.ts';
import { migrateCommand } from './commands/migrate.ts';
import { replayCommand } from './commands/replay.ts';
import { runCommand } from './commands/run.ts';
import { sqlCommand } from './commands/sql.ts';
import { statusCommand } from './commands/status.ts';
import { tailCommand } from './commands/tail.ts';
import { traceCommand } from './commands/trace.ts';

/** The verbs of the `headwater` command, in the order of `--help`. */
export const commands: readonly Command[] = [
  demoCommand,
  initCommand,
  devCommand,
  doctorCommand,
  runCommand,
  statusCommand,
  tailCommand,
  parkedCommand,
  traceCommand,
  replayCommand,
  journalCommand,
  eventsCommand,
  sqlCommand,
  migrateCommand,
  destroyCommand,
  explainCommand,
  healthcheckCommand,
  createCompletionCommand(() => commands),
];
