import type { StateStore } from '../../state-store.ts';

/** State that outlives the journal it belongs to, as a file would, with a lock that `close` or `free` releases. */
export class MemoryState {
  readonly #values = new Map<string, Map<string, string>>();
  #holder: object | undefined;

  /** Whoever holds it was killed. */
  free(): void {
    this.#holder = undefined;
  }

  /** What is durable, seen from outside. */
  peek(kind: string, name: string): string | undefined {
    return this.#values.get(kind)?.get(name);
  }

  open(): StateStore | 'locked' {
    if (this.#holder !== undefined) return 'locked';
    const values = this.#values;
    const kindOf = (kind: string): Map<string, string> => {
      const known = values.get(kind) ?? new Map<string, string>();
      values.set(kind, known);
      return known;
    };
    const store: StateStore = {
      read: (kind, name) => kindOf(kind).get(name),
      write: (kind, name, text) => void kindOf(kind).set(name, text),
      remove: (kind, name) => void kindOf(kind).delete(name),
      change: (edits) => {
        for (const { kind, name, text } of edits) {
          if (text === undefined) kindOf(kind).delete(name);
          else kindOf(kind).set(name, text);
        }
      },
      list: (kind) => [...kindOf(kind)].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      close: () => {
        if (this.#holder === store) this.#holder = undefined;
      },
    };
    this.#holder = store;
    return store;
  }
}
