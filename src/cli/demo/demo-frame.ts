import type { TextStyle } from '../terminal.ts';
import type { ShownCode } from './code-change.ts';
import type { LiveCounts, OccurrenceKind } from './demo-observer.ts';
import type { ActNumber, ActReport, DemoReport } from './demo-report.ts';
import {
  actTitles,
  formatCodeChange,
  formatDamageTable,
  formatEnding,
  formatExamples,
  formatOutage,
  formatRepetitions,
} from './demo-text.ts';

/** Something that happened, with the time since the start of the demo. */
export interface Occurrence {
  readonly kind: OccurrenceKind;
  readonly seconds: number;
  readonly text: string;
}

/** Everything that a frame shows. */
export interface DemoPicture {
  readonly seed: number;
  readonly elapsedSeconds: number;
  /** Undefined before the first act. */
  readonly act: ActNumber | undefined;
  /** Two steps for each order: what there is to commit at most. */
  readonly stepCountMax: number;
  readonly counts: LiveCounts | undefined;
  readonly occurrences: readonly Occurrence[];
  /** Of the acts that are over. */
  readonly reports: readonly ActReport[];
  readonly code: ShownCode;
  readonly ending: DemoReport | undefined;
}

const BAR_WIDTH = 40;
const OCCURRENCE_COUNT_MAX = 9;

/** The size of a terminal. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** The lines of one frame, which fit the terminal: none too long, and one row left for the cursor. Pure. */
export function renderFrame(picture: DemoPicture, style: TextStyle, { columns, rows }: ScreenSize): readonly string[] {
  const head = `${style.bold('headwater demo')}  seed ${picture.seed}  ${picture.elapsedSeconds.toFixed(1)} s`;
  const lines = [head, '', ...renderBody(picture, style)];
  // Blank lines are the first to go.
  const fitting = lines.length < rows ? lines : lines.filter((line) => line !== '');
  return fitting.slice(0, rows - 1).map((line) => truncate(line, columns));
}

function renderBody(picture: DemoPicture, style: TextStyle): readonly string[] {
  if (picture.ending !== undefined) return renderEnding(picture, picture.ending, style);
  const finished = picture.reports.find((report) => report.act === picture.act);
  if (finished !== undefined) return renderFinishedAct(picture, finished, style);
  if (picture.act === undefined) return renderOpening(picture, style);
  return [...renderTitle(picture, style), ...renderCounts(picture, style), '', ...renderOccurrences(picture, style)];
}

function renderOpening(picture: DemoPicture, style: TextStyle): readonly string[] {
  return [
    'PostgreSQL, order service, receiver, Headwater: each a process of its own.',
    ...renderOccurrences(picture, style),
    '',
    'The order service of act 1:',
    '',
    ...picture.code.naive.map((line) => style.dim(line)),
  ];
}

function renderTitle({ act }: DemoPicture, style: TextStyle): readonly string[] {
  if (act === undefined) return [];
  return [`${style.bold(style.cyan(`ACT ${act} of 3`))}  ${actTitles[act]}`, ''];
}

function renderCounts({ counts, stepCountMax }: DemoPicture, style: TextStyle): readonly string[] {
  if (counts === undefined) return [];
  const rows: readonly (readonly [string, number | undefined])[] = [
    ['primary', counts.committed],
    ...Object.entries(counts.effects),
  ];
  return rows.map(([name, count]) => {
    const label = name.padEnd(10);
    if (count === undefined) return `${label}${style.red('░'.repeat(BAR_WIDTH))}  ${style.red('does not answer')}`;
    const length = Math.min(BAR_WIDTH, Math.round((count / Math.max(1, stepCountMax)) * BAR_WIDTH));
    const bar = style.green('█'.repeat(length)) + style.dim('░'.repeat(BAR_WIDTH - length));
    return `${label}${bar}  ${String(count).padStart(4)} ${name === 'primary' ? 'steps committed' : 'effects'}`;
  });
}

function renderOccurrences({ occurrences }: DemoPicture, style: TextStyle): readonly string[] {
  const paint: Readonly<Record<OccurrenceKind, (text: string) => string>> = {
    kill: (text) => style.red(text),
    cut: (text) => style.yellow(text),
    step: (text) => text,
  };
  return occurrences
    .slice(-OCCURRENCE_COUNT_MAX)
    .map(({ kind, seconds, text }) => `${style.dim(`${seconds.toFixed(1).padStart(5)} s`)}  ${paint[kind](text)}`);
}

function renderFinishedAct(picture: DemoPicture, report: ActReport, style: TextStyle): readonly string[] {
  const examples = formatExamples(report, style);
  return [
    ...renderTitle(picture, style),
    'The stores were asked; this is what they hold:',
    '',
    ...formatDamageTable([report], style),
    ...(examples.length > 0 ? ['', 'Both systems about the same order:', ...examples] : []),
    ...(report.act === 1 ? [] : ['', ...formatRepetitions(report)]),
    ...(report.outage === undefined ? [] : ['', ...formatOutage(report)]),
    ...(report.act === 1
      ? ['', 'What changes for act 2, in the order service:', ...formatCodeChange(picture.code.changes, style)]
      : []),
  ];
}

function renderEnding(picture: DemoPicture, ending: DemoReport, style: TextStyle): readonly string[] {
  const naive = picture.reports[0];
  const last = picture.reports.at(-1);
  return [
    ...formatDamageTable(picture.reports, style),
    '',
    ...(naive === undefined ? [] : formatExamples(naive, style)),
    '',
    ...(last === undefined ? [] : formatOutage(last)),
    '',
    ...formatEnding(ending, style),
  ];
}

/** The escape character, which the linter does not want to see in a pattern. */
const ESCAPE = '\u001B';
const COLOUR = new RegExp(`${ESCAPE}\\[\\d+m`, 'y');

/** Cuts a line to so many visible characters; colours do not count and are closed by their own ends. */
function truncate(line: string, width: number): string {
  let visible = 0;
  let text = '';
  for (let index = 0; index < line.length;) {
    COLOUR.lastIndex = index;
    const colour = COLOUR.exec(line)?.[0];
    if (colour !== undefined) {
      text += colour;
      index += colour.length;
      continue;
    }
    if (visible < width) text += line[index];
    visible += 1;
    index += 1;
  }
  return text;
}
