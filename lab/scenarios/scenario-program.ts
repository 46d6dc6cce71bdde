import { HeadwaterError } from '../../src/foundation/error.ts';
import { systemRandom } from '../../src/foundation/random.ts';

/** What a scenario is run with. */
export interface ScenarioProgram<Report extends { readonly ok: boolean }> {
  /** The last line of standard output is one JSON object. */
  readonly json: boolean;
  run(context: { readonly signal: AbortSignal; readonly note: (line: string) => void }): Promise<Report>;
  /** For people. */
  describe(report: Report): string;
}

/**
 * Runs a scenario as a program: progress to standard error, the report to standard output, 0 when `ok`, else 1, and 130 when a
 * signal ended it.
 */
export async function runScenarioProgram<Report extends { readonly ok: boolean }>(
  program: ScenarioProgram<Report>,
): Promise<void> {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
  }
  try {
    const note = (line: string): void => void process.stderr.write(`${line}\n`);
    const report = await program.run({ signal: interruption.signal, note });
    process.stdout.write(program.json ? `${JSON.stringify(report)}\n` : program.describe(report));
    process.exitCode = report.ok ? 0 : 1;
  } catch (caught) {
    const thrown: unknown = interruption.signal.aborted ? interruption.signal.reason : caught;
    const text =
      thrown instanceof HeadwaterError || !(thrown instanceof Error)
        ? String(thrown)
        : (thrown.stack ?? thrown.message);
    process.stderr.write(`${text}\n`);
    if (program.json) process.stdout.write(`${JSON.stringify({ ok: false, error: String(thrown) })}\n`);
    process.exitCode = interruption.signal.aborted ? 130 : 1;
  }
}

/** An option that is a whole number. @throws RangeError naming it */
export function parseNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`--${name} is a whole number, not "${text}"`);
}

/** The seed that was given, or one that nobody knows. */
export function parseSeed(text: string | undefined): number {
  return text === undefined ? Math.floor(systemRandom.next() * 0x1_0000_0000) : parseNumber('seed', text);
}
