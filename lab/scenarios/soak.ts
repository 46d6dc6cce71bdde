/**
 * `npm run scenario:soak`: every sink of the real `headwater run` in front of real servers for half an hour, while an application
 * writes. Headwater, servers and paths between them are killed, stopped and cut as a seed draws it, and some records are made so that
 * a sink refuses them. At the end each store equals the source but for what its lane lists as parked; after the mend it equals it.
 *
 *   npm run scenario:soak -- --json --minutes 30 --seed 7
 *
 * Progress goes to standard error, a line a minute; with --json the last line of standard output is one JSON object. Ends with 0
 * when `ok`, else 1.
 */
import { parseArgs } from 'node:util';

import { parseNumber, parseSeed, runScenarioProgram } from './scenario-program.ts';
import { runSoak } from './soak/run-soak.ts';
import type { SoakReport } from './soak/soak-report.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string' },
  },
});

await runScenarioProgram<SoakReport>({
  json: values.json,
  describe,
  run: (context) =>
    runSoak({ ...context, minutes: parseNumber('minutes', values.minutes), seed: parseSeed(values.seed) }),
});

function describe(report: SoakReport): string {
  const slopes = Object.entries(report.slopes).map(
    ([name, { mean, perHour, rise, riseMax, verdict }]) =>
      `  ${name}: ${verdict}; mean ${mean}, ${perHour} an hour, rose by ${rise} of at most ${riseMax}`,
  );
  const pairs = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const parked = Object.entries(report.parked).map(([lane, { keys, waiting }]) => `${lane} ${keys}+${waiting}`);
  const minutes = report.samples.map(
    ({ atMs, descriptors, journalBytes, memoryBytes }) =>
      `  at ${Math.round(atMs / 1000)} s: ${memoryBytes} bytes of memory, ${descriptors} descriptors, journal ${journalBytes} bytes`,
  );
  return [
    `${report.ok ? 'ok' : 'NOT OK'}: seed ${report.seed}, ${report.minutes} minutes, ${report.changes} changes`,
    `  kills: ${pairs(report.kills)}`,
    `  rows: ${pairs(report.rows)}`,
    `  records: ${pairs(report.records)}`,
    `  parked at the end of the load, and behind it: ${parked.join(', ')}`,
    ...minutes,
    ...slopes,
    ...report.problems.map((problem) => `  problem: ${problem}`),
    '',
  ].join('\n');
}
