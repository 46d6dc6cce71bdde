/** What the product reports while it works. Fields hold no row values, payloads or secrets. */
export type LogFields = Readonly<Record<string, string | number | boolean | bigint | null | undefined>>;

/** Any logger with these four methods fits, pino and console among them by a one-line wrapper. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** The default of the library: says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
