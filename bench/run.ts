/**
 * `npm run bench -- NAME [--json] [--rounds N] [--scale X] [--seconds S]`: runs one benchmark with its peers side by side. With
 * `--json` the last line of stdout is one JSON object; without it a table with the spread. No figure of a machine that does something
 * else meanwhile is worth anything.
 */
import { parseArgs } from 'node:util';

import type { BenchmarkContext, BenchmarkOutcome } from './benchmark.ts';
import { benchmarks } from './benchmarks.ts';
import { withCompiledPrograms } from './measure/compiled-programs.ts';
import type { CaseSummary, SideSummary } from './measure/summary.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    seconds: { type: 'string' },
  },
});
const benchmark = benchmarks.find((candidate) => candidate.name === positionals[0]);
if (benchmark === undefined) {
  process.stderr.write(`Usage: npm run bench -- NAME [--json] [--rounds N] [--scale X] [--seconds S]\n\n`);
  for (const { name, summary } of benchmarks) process.stderr.write(`  ${name.padEnd(12)} ${summary}\n`);
  process.exitCode = 2;
} else {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interruption.abort(new Error('interrupted')));
  try {
    const context: BenchmarkContext = {
      signal: interruption.signal,
      rounds: readNumber('rounds', values.rounds),
      scale: readNumber('scale', values.scale),
      seconds: values.seconds === undefined ? undefined : readNumber('seconds', values.seconds),
      note: (line) => process.stderr.write(`${line}\n`),
    };
    const outcome = await withCompiledPrograms(() => benchmark.run(context));
    process.stdout.write(values.json ? `${JSON.stringify(toJson(benchmark.name, outcome))}\n` : formatTable(outcome));
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    process.stderr.write('interrupted; everything that was started is stopped\n');
    process.exitCode = 130;
  }
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name} takes a number above 0, not "${text}"`);
}

function toJson(name: string, outcome: BenchmarkOutcome): object {
  const [first] = outcome.cases;
  const worst = outcome.cases.toSorted((left, right) => left.ratio - right.ratio)[0] ?? first;
  return {
    version: 1,
    name,
    ...(worst === undefined ? {} : { ratio: worst.ratio, ours: worst.ours, peer: worst.peer, rounds: worst.rounds }),
    ...(worst?.others === undefined ? {} : { others: worst.others }),
    ...(outcome.cases.length > 1 ? { cases: outcome.cases } : {}),
    ...outcome.figures,
  };
}

function formatTable(outcome: BenchmarkOutcome): string {
  const lines = outcome.cases.flatMap((entry) => [
    `${entry.name}  (${entry.rounds} rounds)`,
    `  ratio  ${entry.ratio}   spread ${entry.ratioSpread[0]}–${entry.ratioSpread[1]}${formatOthers(entry)}`,
    `  ours   ${formatSide(entry.ours)}`,
    `  peer   ${formatSide(entry.peer)}`,
  ]);
  if (outcome.figures !== undefined) lines.push(JSON.stringify(outcome.figures, undefined, 2));
  return `${lines.join('\n')}\n`;
}

function formatOthers(entry: CaseSummary): string {
  return Object.entries(entry.others ?? {})
    .map(([name, ratio]) => `   ${name} ${ratio}`)
    .join('');
}

function formatSide(side: SideSummary): string {
  const walsender = side.walsenderCpuSeconds === undefined ? '' : `, walsender ${side.walsenderCpuSeconds} CPU s`;
  return `${Math.round(side.rowsPerSecond)} rows/s, ${side.cpuSeconds} CPU s, ${side.peakMemoryMb} MB${walsender}`;
}
