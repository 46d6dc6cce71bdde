import { errorDefinition, type ErrorCode, isErrorCode } from './error-codes.ts';
import type { ErrorPolicy } from './error-definition.ts';

/** What an error says besides its code and its sentence. */
export interface HeadwaterErrorOptions {
  /** Facts for machines: names, positions, limits. Never row values, payloads or secrets. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
  /** What to do in this very case, when it says more than the code's page. */
  readonly hint?: string;
  /** How long to wait at least before trying again, when the other side has said so. In milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The same symbol in every copy of the package: the command may be installed beside the one that an application imports. */
const brand = Symbol.for('headwater.error');

/**
 * The one error class of Headwater. `code` comes from a closed list; `headwater explain CODE` prints its page.
 * `message` is a lower-case sentence that names what failed, on what, and the actual value or limit.
 */
export class HeadwaterError extends Error {
  override readonly name = 'HeadwaterError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
  readonly hint: string;
  /** How long to wait at least before trying again, when the other side has said so. In milliseconds. */
  readonly retryAfterMs: number | undefined;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
  }

  /** Recognises an error by its brand and a code of this version, so that one made by another copy of the package is known. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (!(typeof value === 'object' && value !== null && brand in value && 'code' in value)) return false;
    return typeof value.code === 'string' && isErrorCode(value.code);
  }

  constructor(code: ErrorCode, message: string, options: HeadwaterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.hint = options.hint ?? errorDefinition(code).fix;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether waiting and trying again can help. */
  get policy(): ErrorPolicy {
    return errorDefinition(this.code).policy;
  }

  /** The exit code of a command that ends with this error. */
  get exitCode(): number {
    return errorDefinition(this.code).exitCode;
  }

  /** The only funnel for what others throw: a HeadwaterError passes, anything else becomes the cause of `fallback`. */
  static from(thrown: unknown, fallback: ErrorCode = 'HW-INTERNAL-001', context?: string): HeadwaterError {
    if (thrown instanceof HeadwaterError) return thrown;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return new HeadwaterError(fallback, context === undefined ? text : `${context}: ${text}`, { cause: thrown });
  }

  toJSON(): object {
    return { code: this.code, message: this.message, hint: this.hint, details: this.details };
  }
}
