/*
 * A routing key is words with dots between them, which topic exchanges match word by word. What comes from names of tables and
 * types is encoded, so that no name becomes several words by accident: letters, digits, `_` and `-` stay, every other byte of
 * its UTF-8 becomes `%` and two hexadecimal digits, and an empty name becomes a single `%`. Two names never meet.
 */

/** The longest text that AMQP has room for in names and keys. */
export const shortTextBytesMax = 255;

/** A name as one word. */
export function encodeWord(name: string): string {
  if (name === '') return '%';
  return name
    .toWellFormed()
    .replaceAll(/[^A-Za-z0-9_-]+/gu, (text) =>
      [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
}

/** A name with dots as several words: `order.placed` stays what it is, so that `event.order.*` finds it. */
export function encodeDottedWords(name: string): string {
  return name.split('.').map(encodeWord).join('.');
}
