/** A statement for a library whose placeholders are question marks. */
export interface QuestionMarkStatement {
  readonly text: string;
  /** One for each question mark, in their order. */
  readonly parameters: readonly unknown[];
}

const quotedOrPlaceholder = /"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\d+)|\?/g;

/**
 * Rewrites `$1`-style placeholders as question marks and gives a parameter once for each of its places. A question mark that
 * is none, and one inside quotes, is escaped with a backslash, since such libraries look for them there too.
 */
export function toQuestionMarks(text: string, parameters: readonly unknown[]): QuestionMarkStatement {
  const placed: unknown[] = [];
  const rewritten = text.replaceAll(quotedOrPlaceholder, (match, number: string | undefined) => {
    if (number === undefined) return match.replaceAll('?', String.raw`\?`);
    placed.push(parameters[Number(number) - 1]);
    return '?';
  });
  return { text: rewritten, parameters: placed };
}
