import { createInterface } from 'node:readline/promises';

/**
 * Asks on the terminal and tells whether the answer was the whole word "yes". Undefined: there is no terminal to ask on.
 * Rejects with `signal.reason` on cancel.
 */
export async function confirmOnTerminal(question: string, signal: AbortSignal): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return isYes(await terminal.question(question, { signal }));
  } finally {
    terminal.close();
  }
}

/** Only the whole word counts: a stray key or Enter drops nothing. */
export function isYes(answer: string): boolean {
  return answer.trim().toLowerCase() === 'yes';
}
