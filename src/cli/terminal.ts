/** Where a command writes. Data goes to `out`, everything else to `note`. */
export interface Terminal {
  /** Data, one line at a time, on stdout. */
  out(line: string): void;
  /** Progress, warnings and errors, on stderr. */
  note(line: string): void;
  /** A line on stderr that the next progress replaces; nothing where stderr is no terminal. */
  progress(line: string): void;
  /** Colours where stdout is a terminal and NO_COLOR is not set. */
  readonly style: TextStyle;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Text with emphasis, or as it is where there are no colours. */
export interface TextStyle {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const plain = (text: string): string => text;

/** Text as it is, for pipes and files. */
export const plainStyle: TextStyle = { bold: plain, dim: plain, red: plain, green: plain, yellow: plain, cyan: plain };

function paint(open: number, close: number): (text: string) => string {
  return (text) => `\u001B[${open}m${text}\u001B[${close}m`;
}

const colourStyle: TextStyle = {
  bold: paint(1, 22),
  dim: paint(2, 22),
  red: paint(31, 39),
  green: paint(32, 39),
  yellow: paint(33, 39),
  cyan: paint(36, 39),
};

/** The terminal of this process. */
export function createTerminal(options: { readonly color: boolean | undefined }): Terminal {
  const { env, stdout, stderr } = process;
  const hasColor = options.color ?? (stdout.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb');
  let hasProgress = false;
  // Whoever reads the pipe has had enough (`| head`): that is an end, not an error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  const clear = (): void => {
    if (hasProgress) stderr.write('\r\u001B[2K');
    hasProgress = false;
  };
  return {
    out(line) {
      clear();
      stdout.write(`${line}\n`);
    },
    note(line) {
      clear();
      stderr.write(`${line}\n`);
    },
    progress(line) {
      if (!stderr.isTTY) return;
      clear();
      stderr.write(line);
      hasProgress = true;
    },
    style: hasColor ? colourStyle : plainStyle,
    environment: env,
  };
}
