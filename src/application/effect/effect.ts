/** What the call of an effect is given. */
export interface EffectCall {
  /**
   * The idempotency key to pass to the provider: of this effect of this message or request, the same at every attempt, and never a key that
   * a client has sent. Visible ASCII, at most 100 characters.
   */
  readonly key: string;
  /** Aborted when `timeoutMs` is over, or the lease of a request was lost. */
  readonly signal: AbortSignal;
}

interface EffectDefinition<Kind extends string, Input, Result> {
  readonly kind: Kind;
  readonly name: string;
  readonly call: (input: Input, call: EffectCall) => Promise<Result>;
  /** How long one call may take. Default 30,000 ms. */
  readonly timeoutMs?: number;
}

/** The provider honours the key: a call that is repeated with it has its effect once. */
export type KeyedEffect<Input, Result> = EffectDefinition<'keyed', Input, Result>;

/**
 * The provider can be asked what became of a key. `check` gives the result, or undefined when no call with that key has taken effect nor
 * can still do so.
 */
export interface CheckedEffect<Input, Result> extends EffectDefinition<'checked', Input, Result> {
  readonly check: (call: EffectCall) => Promise<Result | undefined>;
}

/** The provider has neither: it is called at most once, and what came of it may stay unknown. */
export type GuardedEffect<Input, Result> = EffectDefinition<'guarded', Input, Result>;

/** An effect outside the database. */
export type Effect<Input, Result> =
  | KeyedEffect<Input, Result>
  | CheckedEffect<Input, Result>
  | GuardedEffect<Input, Result>;

/** What is known of a guarded effect. */
export type GuardedResult<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  /** The call was begun and its answer is not known: the effect may be there or not. It is never called again. */
  | { readonly kind: 'unknown' };

/**
 * Runs an effect for the message or request at hand, outside of every transaction, and keeps its result: the same effect of the same
 * message or request gives it again without a call.
 */
export interface RunEffect {
  <Input, Result>(effect: GuardedEffect<Input, Result>, input: Input): Promise<GuardedResult<Result>>;
  <Input, Result>(effect: KeyedEffect<Input, Result> | CheckedEffect<Input, Result>, input: Input): Promise<Result>;
}

/** Declares an effect, with what the provider offers. Calls nothing. */
export function effect<Input, Result>(
  name: string,
  declaration: Omit<KeyedEffect<Input, Result>, 'name'>,
): KeyedEffect<Input, Result>;
export function effect<Input, Result>(
  name: string,
  declaration: Omit<CheckedEffect<Input, Result>, 'name'>,
): CheckedEffect<Input, Result>;
export function effect<Input, Result>(
  name: string,
  declaration: Omit<GuardedEffect<Input, Result>, 'name'>,
): GuardedEffect<Input, Result>;
export function effect(name: string, declaration: Omit<Effect<unknown, unknown>, 'name'>): object {
  return { ...declaration, name };
}
