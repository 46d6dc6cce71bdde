import { createHash } from 'node:crypto';
import { HeadwaterError } from '../../foundation/error.ts';
import { callWithinTime, timeoutMsOf } from '../effect/call-effect.ts';
import { canonicalJson } from './canonical-json.ts';
import { createEffectStatements } from './effect.sql.ts';
import type { Effect, EffectCall, GuardedResult, RunEffect } from '../effect/effect.ts';
import type { IdentifiedMessage } from './inbox-message.ts';
import type { InboxSettings } from './inbox-options.ts';

/*
 * The record of an effect, `inbox_effect`, in commits of its own around the call:
 *
 *   keyed     call(key) ─► done            a repeated call is the provider's to recognise
 *   checked   begun ─► call ─► done        found begun: ask the provider first, call only when it knows nothing
 *   guarded   begun ─► call ─► done        found begun and over its time, or failed: unknown, never called again
 *                       └────► unknown
 *
 * A record that is found begun and still within its time belongs to another attempt that may be at work: it is waited for.
 */

/** Beyond the time of a call, for its answer to be written. */
const graceMs = 5_000;
const pollMs = 50;

/** The `run` of one message. */
export function createRunEffect(settings: InboxSettings, message: IdentifiedMessage): RunEffect {
  const names = new Set<string>();
  async function run(effect: Effect<unknown, unknown>, input: unknown): Promise<unknown> {
    if (names.has(effect.name)) {
      const text = `effect "${effect.name}" was run twice for message "${message.id}"`;
      throw new HeadwaterError('HW-INBOX-012', text, { details: { effect: effect.name, message: message.id } });
    }
    names.add(effect.name);
    return new EffectRun(settings, message, effect).run(input);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the result of an effect is what its declaration says
  return run as RunEffect;
}

/** The idempotency key of an effect of a message. Pure. */
export function effectKey(
  consumer: string,
  { id, sender }: { readonly id: string; readonly sender: string },
  name: string,
): string {
  return createHash('sha256')
    .update(JSON.stringify([consumer, sender, id, name]))
    .digest('hex');
}

interface EffectRecord {
  readonly state: 'begun' | 'done' | 'unknown';
  readonly result: unknown;
  readonly ageMs: number;
  readonly begun: string;
}

class EffectRun {
  readonly #settings: InboxSettings;
  readonly #message: IdentifiedMessage;
  readonly #effect: Effect<unknown, unknown>;
  readonly #key: string;
  readonly #statements: ReturnType<typeof createEffectStatements>;

  constructor(settings: InboxSettings, message: IdentifiedMessage, effect: Effect<unknown, unknown>) {
    this.#settings = settings;
    this.#message = message;
    this.#effect = effect;
    this.#key = effectKey(settings.name, message, effect.name);
    this.#statements = createEffectStatements(settings.database.schemaName);
  }

  async run(input: unknown): Promise<unknown> {
    if (this.#effect.kind === 'keyed') {
      const known = await this.#read();
      return known?.state === 'done' ? known.result : this.#finish(await this.#call(input));
    }
    for (;;) {
      if (await this.#begin()) return this.#callBegun(input);
      const found = await this.#read();
      if (found === undefined) continue;
      if (found.state === 'done') return this.#known(found.result);
      if (found.state === 'unknown') return { kind: 'unknown' } satisfies GuardedResult<unknown>;
      if (found.ageMs <= timeoutMsOf(this.#effect) + graceMs) await this.#settings.clock.sleep(pollMs);
      else if (await this.#takeOver(found)) return this.#recover(input);
    }
  }

  async #callBegun(input: unknown): Promise<unknown> {
    let result: unknown;
    try {
      result = await this.#call(input);
    } catch (thrown) {
      if (this.#effect.kind === 'checked') {
        await this.#release();
        throw thrown;
      }
      await this.#write('unknown', null);
      return { kind: 'unknown' } satisfies GuardedResult<unknown>;
    }
    return this.#known(await this.#finish(result));
  }

  /** The attempt before ended without a word. */
  async #recover(input: unknown): Promise<unknown> {
    if (this.#effect.kind !== 'checked') {
      await this.#write('unknown', null);
      return { kind: 'unknown' } satisfies GuardedResult<unknown>;
    }
    const { check } = this.#effect;
    const found = await this.#withinTime((call) => check(call));
    return found === undefined ? this.#callBegun(input) : this.#finish(found);
  }

  #known(result: unknown): unknown {
    return this.#effect.kind === 'guarded' ? ({ kind: 'done', result } satisfies GuardedResult<unknown>) : result;
  }

  #call(input: unknown): Promise<unknown> {
    return this.#withinTime((call) => this.#effect.call(input, call));
  }

  #withinTime<Result>(act: (call: EffectCall) => Promise<Result>): Promise<Result> {
    const { name } = this.#effect;
    const late = (timeoutMs: number): HeadwaterError =>
      new HeadwaterError('HW-INBOX-014', `effect "${name}" took longer than ${timeoutMs} ms`, {
        details: { effect: name },
      });
    return callWithinTime(this.#effect, { key: this.#key, clock: this.#settings.clock, late }, act);
  }

  /** The result as JSON has it, once it is written. */
  async #finish(result: unknown): Promise<unknown> {
    if (result === undefined) {
      await this.#write('done', null);
      return undefined;
    }
    const text = canonicalJson(result);
    if (text === undefined) {
      throw new HeadwaterError(
        'HW-INBOX-010',
        `the result of effect "${this.#effect.name}" is nothing that JSON can hold`,
      );
    }
    await this.#write('done', text);
    return JSON.parse(text);
  }

  async #begin(): Promise<boolean> {
    return (await this.#query(this.#statements.begin, this.#scope())).length > 0;
  }

  async #write(state: 'done' | 'unknown', result: string | null): Promise<void> {
    await this.#query(this.#statements.write, [...this.#scope(), state, result]);
  }

  /** A checked effect that failed is asked about at the next attempt, at once. */
  async #release(): Promise<void> {
    await this.#query(this.#statements.release, [this.#key]);
  }

  async #takeOver({ begun }: EffectRecord): Promise<boolean> {
    return (await this.#query(this.#statements.takeOver, [this.#key, begun])).length > 0;
  }

  async #read(): Promise<EffectRecord | undefined> {
    const [row] = await this.#query(this.#statements.read, [this.#key]);
    if (row === undefined) return undefined;
    const { state } = row;
    return {
      state: state === 'done' || state === 'unknown' ? state : 'begun',
      result: typeof row['result'] === 'string' ? JSON.parse(row['result']) : undefined,
      ageMs: Number(row['age']),
      begun: String(row['begun']),
    };
  }

  #scope(): readonly string[] {
    return [this.#key, this.#message.sender, this.#settings.name, this.#message.id, this.#effect.name];
  }

  #query(text: string, parameters: readonly (string | null)[]): ReturnType<InboxSettings['database']['query']> {
    return this.#settings.database.query(text, parameters);
  }
}
