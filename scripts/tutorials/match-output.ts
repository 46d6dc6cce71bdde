const placeholder = /(<[a-z ]+>|…)/;

/**
 * The first expected line that the output lacks; undefined when it has all of them, in this order, whatever stands between
 * them. In an expected line `<count>` stands for a whole number above 0, any other `<name>` for one word, and `…` for any text; a
 * line of `…` alone says that lines were left out. Pure.
 */
export function findMissingLine(expected: readonly string[], output: string): string | undefined {
  const printed = output.split(/\r?\n/).map((line) => line.trimEnd());
  let from = 0;
  for (const line of expected) {
    if (line.trim() === '…') continue;
    const pattern = toPattern(line.trimEnd());
    const at = printed.findIndex((candidate, index) => index >= from && pattern.test(candidate));
    if (at === -1) return line;
    from = at + 1;
  }
  return undefined;
}

function toPattern(line: string): RegExp {
  return new RegExp(`^${line.split(placeholder).map(toPatternPart).join('')}$`);
}

function toPatternPart(part: string): string {
  if (part === '…') return '.*';
  if (part === '<count>') return '[1-9]\\d*';
  return placeholder.test(part) ? '\\S+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
