/**
 * `npm run scenario:pgbench`: input that nobody here wrote. PostgreSQL's own pgbench fills and changes four tables of a private
 * server, the real `headwater run` mirrors them into a second PostgreSQL and publishes them to Kafka, and is killed with SIGKILL
 * at moments drawn from a seed. At the end every side is asked, and all must hold the same rows.
 *
 *   npm run scenario:pgbench -- --json --scale 5 --seconds 60 --seed 7 --major 18
 *   npm run scenario:pgbench -- --json --scale 20 --existing   Headwater comes to tables that are full and at work
 *
 * Progress goes to standard error; with --json the last line of standard output is one JSON object. Ends with 0 when `ok`, else 1.
 */
import { parseArgs } from 'node:util';

import { HeadwaterError } from '../../src/foundation/error.ts';
import { systemRandom } from '../../src/foundation/random.ts';
import type { PgbenchReport } from './pgbench-report.ts';
import { runPgbenchScenario } from './run-pgbench.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    scale: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    major: { type: 'string', default: '18' },
    existing: { type: 'boolean', default: false },
  },
});

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
}

try {
  const report = await runPgbenchScenario({
    scale: parseNumber('scale', values.scale),
    seconds: parseNumber('seconds', values.seconds),
    seed:
      values.seed === undefined ? Math.floor(systemRandom.next() * 0x1_0000_0000) : parseNumber('seed', values.seed),
    major: parseMajor(values.major),
    isExisting: values.existing,
    signal: interruption.signal,
    note: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : describe(report));
  process.exitCode = report.ok ? 0 : 1;
} catch (caught) {
  const thrown: unknown = interruption.signal.aborted ? interruption.signal.reason : caught;
  const text =
    thrown instanceof HeadwaterError || !(thrown instanceof Error) ? String(thrown) : (thrown.stack ?? thrown.message);
  process.stderr.write(`${text}\n`);
  if (values.json) process.stdout.write(`${JSON.stringify({ ok: false, error: String(thrown) })}\n`);
  process.exitCode = interruption.signal.aborted ? 130 : 1;
}

function parseNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`--${name} is a whole number, not "${text}"`);
}

function parseMajor(text: string): 15 | 18 {
  if (text === '15') return 15;
  if (text === '18') return 18;
  throw new RangeError(`--major is 15 or 18, not "${text}"`);
}

function describe(report: PgbenchReport): string {
  const kills = `${report.kills.length} kills, ${report.kills.filter(({ phase }) => phase !== 'run').length} of them in the load or the copy`;
  const tables = Object.entries(report.tables).map(([name, sides]) => {
    const sums = Object.entries(sides).map(([side, { rows, checksum }]) => `${side} ${rows} rows ${checksum}`);
    return `  ${name}: ${sums.join(', ')}`;
  });
  return [
    `${report.ok ? 'ok' : 'NOT OK'}: seed ${report.seed}, ${report.seconds} s, ${kills}`,
    `  pgbench counts ${report.transactions} transactions, the journal holds ${report.commits} commits with the load`,
    ...tables,
    ...report.problems.map((problem) => `  problem: ${problem}`),
    '',
  ].join('\n');
}
