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

const usage = `Usage: npm run bench -- NAME [--json] [--rounds N] [--scale X] [--seconds S]

${benchmarks.map(({ name, summary }) => `  ${name.padEnd(12)} ${summary}`).join('\n')}
`;

const request = readRequest();
if (request.kind === 'help') {
  process.stdout.write(usage);
} else if (request.kind === 'misuse') {
  process.stderr.write(`${request.reason}\n\n${usage}`);
  process.exitCode = 2;
} else {
  const { benchmark, json } = request;
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interruption.abort(new Error('interrupted')));
  try {
    const context: BenchmarkContext = {
      signal: interruption.signal,
      rounds: request.rounds,
      scale: request.scale,
      seconds: request.seconds,
      note: (line) => process.stderr.write(`${line}\n`),
    };
    const outcome = await withCompiledPrograms(() => benchmark.run(context));
    process.stdout.write(json ? `${JSON.stringify(toJson(benchmark.name, outcome))}\n` : formatTable(outcome));
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    process.stderr.write('interrupted; everything that was started is stopped\n');
    process.exitCode = 130;
  }
}

type BenchRequest =
  | { readonly kind: 'help' }
  | { readonly kind: 'misuse'; readonly reason: string }
  | {
      readonly kind: 'run';
      readonly benchmark: (typeof benchmarks)[number];
      readonly json: boolean;
      readonly rounds: number;
      readonly scale: number;
      readonly seconds: number | undefined;
    };

function readRequest(): BenchRequest {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        json: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '3' },
        scale: { type: 'string', default: '1' },
        seconds: { type: 'string' },
      },
    });
    if (values.help) return { kind: 'help' };
    const [name, ...others] = positionals;
    const benchmark = benchmarks.find((candidate) => candidate.name === name);
    if (benchmark === undefined) {
      return { kind: 'misuse', reason: name === undefined ? 'name a benchmark' : `there is no benchmark "${name}"` };
    }
    if (others.length > 0) return { kind: 'misuse', reason: `one benchmark at a time, not also "${others.join(' ')}"` };
    return {
      kind: 'run',
      benchmark,
      json: values.json,
      rounds: readNumber('rounds', values.rounds),
      scale: readNumber('scale', values.scale),
      seconds: values.seconds === undefined ? undefined : readNumber('seconds', values.seconds),
    };
  } catch (error) {
    return { kind: 'misuse', reason: error instanceof Error ? error.message : String(error) };
  }
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new RangeError(`--${name} takes a number above 0, not "${text}"`);
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
