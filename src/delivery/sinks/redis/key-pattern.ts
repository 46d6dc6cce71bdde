/** A key with places for values: `order:{id}`. */
export interface KeyPattern {
  /** Texts and names in turn; a text first and last. */
  readonly parts: readonly string[];
  /** The names in braces, in order. */
  readonly names: readonly string[];
}

/** Reads a pattern: `{name}` is the place of a value, everything else stands as it is. Undefined: it is none. */
export function parseKeyPattern(text: string): KeyPattern | undefined {
  const parts = text.split(/\{([^{}]+)\}/);
  if (text === '' || parts.some((part, index) => index % 2 === 0 && /[{}]/.test(part))) return undefined;
  return { parts, names: parts.filter((_, index) => index % 2 === 1) };
}

/** Puts values in their places; undefined when one is missing. */
export function fillPattern({ parts }: KeyPattern, valueOf: (name: string) => string | undefined): string | undefined {
  let key = '';
  for (const [index, part] of parts.entries()) {
    const text = index % 2 === 0 ? part : valueOf(part);
    if (text === undefined) return undefined;
    key += text;
  }
  return key;
}

/** A name as part of a key, so that two tables never have keys in common: `.`, `:` and `%` are written as in URLs. */
export function escapeName(name: string): string {
  return name.replace(/[%.:]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}
