import type { LogFields, Logger } from '../foundation/logger.ts';
import type { Terminal, TextStyle } from './terminal.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

interface LogLine {
  readonly level: Level;
  readonly event: string;
  readonly fields: LogFields | undefined;
  readonly at: Date;
}

/** A logger that writes to stderr: JSON lines for machines, or one readable line for each event. */
export function createTerminalLogger(terminal: Terminal, form: 'json' | 'text', now: () => Date): Logger {
  const write = (level: Level, event: string, fields: LogFields | undefined): void => {
    const line: LogLine = { level, event, fields, at: now() };
    terminal.note(form === 'json' ? formatJson(line) : formatText(line, terminal.style));
  };
  return {
    debug() {},
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
  };
}

function formatJson({ level, event, fields, at }: LogLine): string {
  return JSON.stringify({ ts: at.toISOString(), level, event, ...fields }, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

function formatText({ level, event, fields, at }: LogLine, style: TextStyle): string {
  const name = paintLevel(level, style);
  const pairs = Object.entries(fields ?? {}).map(([name, value]) => `${name}=${formatValue(value)}`);
  return `${style.dim(at.toISOString().slice(11, 23))} ${name} ${event} ${pairs.join(' ')}`.trimEnd();
}

function paintLevel(level: Level, style: TextStyle): string {
  const name = level.padEnd(5);
  if (level === 'error') return style.red(name);
  return level === 'warn' ? style.yellow(name) : style.dim(name);
}

function formatValue(value: unknown): string {
  const text = String(value);
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}
