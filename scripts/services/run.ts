/**
 * Runs a command with services beside it:
 *
 *   node scripts/services/run.ts postgres18 kafka -- command with arguments
 *
 * The command finds the addresses in HEADWATER_TEST_POSTGRES_15_URL, HEADWATER_TEST_POSTGRES_18_URL,
 * HEADWATER_TEST_KAFKA_BROKERS, HEADWATER_TEST_NATS_SERVERS and HEADWATER_TEST_RABBITMQ_URL. Ends with the command's own code: 2 wrong usage, 3 a service cannot be had.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { ServiceOwner } from './owner.ts';
import { isServiceName, type ServiceName, serviceVariables } from './service.ts';

const { names, command } = parseCommandLine(process.argv.slice(2));
await using owner = new ServiceOwner();
process.exitCode = await runWithServices();

async function runWithServices(): Promise<number> {
  const [program, ...programArguments] = command;
  if (program === undefined || names.length === 0) {
    process.stderr.write(`usage: run.ts ${Object.keys(serviceVariables).join('|')} … -- command …\n`);
    return 2;
  }
  const env: NodeJS.ProcessEnv = { ...process.env };
  const answers = await Promise.all(names.map(async (name) => ({ name, service: await owner.obtain(name, program) })));
  for (const { name, service } of answers) {
    if (service.kind === 'missing') {
      process.stderr.write(`${service.reason}\n`);
      return 3;
    }
    env[serviceVariables[name]] = service.address;
  }
  return runCommand(program, programArguments, env);
}

/** A Ctrl-C reaches the command directly, a signal to us alone is passed on; either way the services end after the command. */
async function runCommand(
  program: string,
  programArguments: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const child = spawn(program, programArguments, { stdio: 'inherit', env });
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } catch (error) {
    process.stderr.write(`cannot run ${program}: ${String(error)}\n`);
    return 127;
  }
}

function parseCommandLine(words: readonly string[]): { names: readonly ServiceName[]; command: readonly string[] } {
  const separator = words.indexOf('--');
  const wanted = separator === -1 ? [] : words.slice(0, separator);
  const isValid = wanted.every((word) => isServiceName(word));
  return { names: isValid ? wanted : [], command: separator === -1 ? [] : words.slice(separator + 1) };
}
