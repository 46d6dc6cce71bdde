/** One step of a tutorial, in the order of the page. `line` is where its block begins. */
export type TutorialStep =
  /** A block with a title: a file that the reader writes. */
  | { readonly kind: 'file'; readonly line: number; readonly path: string; readonly content: string }
  /** A block `sh`: commands, each to its end, and what they print. */
  | {
      readonly kind: 'shell';
      readonly line: number;
      readonly commands: readonly string[];
      /** What the block `text` behind it shows; empty without one. */
      readonly expected: readonly string[];
      /** `sh repeat`: run again until it prints what is expected. */
      readonly isRepeated: boolean;
    }
  /** `sh by-hand`: the reader's own servers, in whose place a test has its own. Not run. */
  | { readonly kind: 'by-hand'; readonly line: number; readonly commands: readonly string[] };

interface Block {
  readonly line: number;
  readonly info: string;
  readonly lines: readonly string[];
}

/**
 * The steps that a page consists of. Every fenced block has to be one of a file, commands or what they print, so that nothing
 * is shown which is not run. Pure. @throws RangeError that names the line of a block which is none of these
 */
export function parseTutorial(page: string): readonly TutorialStep[] {
  const steps: TutorialStep[] = [];
  for (const block of readBlocks(page)) {
    if (block.info !== 'text') {
      steps.push(readStep(block));
      continue;
    }
    const last = steps.pop();
    if (last?.kind !== 'shell' || last.expected.length > 0) throw refuse(block, 'does not follow a block of commands');
    steps.push({ ...last, expected: block.lines });
  }
  const endless = steps.find((step) => step.kind === 'shell' && step.isRepeated && step.expected.length === 0);
  if (endless !== undefined) throw new RangeError(`line ${endless.line}: a repeated block needs an end to wait for`);
  return steps;
}

function readBlocks(page: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: { readonly line: number; readonly info: string; readonly lines: string[] } | undefined;
  for (const [index, text] of page.split('\n').entries()) {
    if (!text.startsWith('```')) open?.lines.push(text);
    else if (open === undefined) open = { line: index + 1, info: text.slice(3).trim(), lines: [] };
    else {
      blocks.push(open);
      open = undefined;
    }
  }
  if (open !== undefined) throw refuse(open, 'has no end');
  return blocks;
}

function readStep(block: Block): TutorialStep {
  const { line, info, lines } = block;
  const path = /^\w+ title="([\w./-]+)"$/.exec(info)?.[1];
  if (path !== undefined) return { kind: 'file', line, path, content: `${lines.join('\n')}\n` };
  const commands = joinLines(lines);
  switch (info) {
    case 'sh':
    case 'sh repeat':
      return { kind: 'shell', line, commands, expected: [], isRepeated: info !== 'sh' };
    case 'sh by-hand':
      return { kind: 'by-hand', line, commands };
    default:
      throw refuse(block, `is "${info}": neither a file with a title, nor sh, nor text`);
  }
}

/** A backslash at the end of a line joins it to the next one, as in a shell. */
function joinLines(lines: readonly string[]): readonly string[] {
  return lines
    .join('\n')
    .split(/(?<!\\)\n/)
    .filter((command) => command.trim() !== '');
}

function refuse({ line }: Block, reason: string): RangeError {
  return new RangeError(`the block at line ${line} ${reason}`);
}
