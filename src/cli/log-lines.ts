import type { LogFields, Logger } from '../foundation/logger.ts';
import type { Terminal } from './terminal.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** A logger that writes to stderr: JSON lines for machines, or one readable line for each event. */
export function createTerminalLogger(terminal: Terminal, form: 'json' | 'text', now: () => Date): Logger {
  const write = (level: Level, event: string, fields: LogFields | undefined): void => {
    terminal.note(
      form === 'json' ? formatJson(level, event, fields, now()) : formatText(terminal, level, event, fields, now()),
    );
  };
  return {
    debug() {},
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
  };
}

function formatJson(level: Level, event: string, fields: LogFields | undefined, at: Date): string {
  return JSON.stringify({ ts: at.toISOString(), level, event, ...fields }, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

function formatText({ style }: Terminal, level: Level, event: string, fields: LogFields | undefined, at: Date): string {
  const paint = level === 'error' ? style.red : level === 'warn' ? style.yellow : style.dim;
  const pairs = Object.entries(fields ?? {}).map(([name, value]) => `${name}=${formatValue(value)}`);
  return `${style.dim(at.toISOString().slice(11, 23))} ${paint(level.padEnd(5))} ${event} ${pairs.join(' ')}`.trimEnd();
}

function formatValue(value: unknown): string {
  const text = String(value);
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}
