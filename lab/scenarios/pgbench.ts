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

import type { PgbenchReport } from './pgbench-report.ts';
import { runPgbenchScenario } from './run-pgbench.ts';
import { parseNumber, parseSeed, runScenarioProgram } from './scenario-program.ts';

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

await runScenarioProgram<PgbenchReport>({
  json: values.json,
  describe,
  run: (context) =>
    runPgbenchScenario({
      ...context,
      scale: parseNumber('scale', values.scale),
      seconds: parseNumber('seconds', values.seconds),
      seed: parseSeed(values.seed),
      major: parseMajor(values.major),
      isExisting: values.existing,
    }),
});

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
