import type { SourceCheck } from '../capture/source-check.ts';
import type { TextStyle } from './terminal.ts';

/** A check in the form of `--json`. */
export function plainCheck({ id, result, why, fix }: SourceCheck): object {
  return { id, result, why, fix: fix ?? null };
}

/** Checks for people, the fix below each that has one, and the counts at the end. */
export function formatChecks(checks: readonly SourceCheck[], style: TextStyle): string[] {
  const width = Math.max(...checks.map((check) => check.id.length));
  const marks = { ok: style.green('ok  '), warning: style.yellow('warn'), failed: style.red('FAIL') };
  const lines = checks.flatMap(({ id, result, why, fix }) => [
    `${marks[result]} ${id.padEnd(width)}  ${why}`,
    ...(fix === undefined
      ? []
      : fix.split('\n').map((line) => `${' '.repeat(width + 7)}${style.cyan(`fix: ${line}`)}`)),
  ]);
  const count = (result: SourceCheck['result']): number => checks.filter((check) => check.result === result).length;
  return [...lines, '', `${count('ok')} ok, ${count('warning')} warnings, ${count('failed')} failed`];
}
