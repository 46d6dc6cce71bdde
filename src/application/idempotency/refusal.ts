const brand = Symbol.for('headwater.refusal');

/**
 * Thrown by an operation, or by one of its steps: rolls the transaction that is open back and answers with `response` all the same. An
 * answer that is final by its status is kept, as a definite failure.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly response: Response;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
  }

  /** Recognises one that was made by another copy of the package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }

  constructor(response: Response) {
    super(`refused with status ${response.status}`);
    this.response = response;
  }
}
