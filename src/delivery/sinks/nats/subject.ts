/*
 * Subjects are tokens with dots between them. What comes from names of tables and types is encoded token by token, so that no
 * name can become a wildcard, another subject, or a line of the protocol: letters, digits, `_` and `-` stay, every other byte
 * of its UTF-8 becomes `%` and two hexadecimal digits, and an empty name becomes a single `%`. Two names never meet.
 */

/** The longest subject that is sent. The server's own limit is that of a protocol line, 4,096 bytes by default. */
export const subjectBytesMax = 1024;

const encoder = new TextEncoder();

/** A name as one token. */
export function encodeSubjectToken(name: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(name)) return name;
  if (name === '') return '%';
  let token = '';
  for (const byte of encoder.encode(name)) {
    const character = String.fromCharCode(byte);
    token += /[A-Za-z0-9_-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return token;
}

/** A name with dots as several tokens: `order.placed` stays what it is, so that `order.*` finds it. */
export function encodeDottedName(name: string): string {
  return name.split('.').map(encodeSubjectToken).join('.');
}

/** Whether one can publish to it: no wildcard, no empty token, nothing of the server's own. */
export function isPublishSubject(subject: string): boolean {
  if (subject.startsWith('$') || subject.startsWith('_INBOX.') || encoder.encode(subject).length > subjectBytesMax) {
    return false;
  }
  return (
    subject.isWellFormed() && subject.split('.').every((token) => isToken(token) && token !== '*' && token !== '>')
  );
}

/** Whether it may stand among the subjects of a stream, wildcards included. */
export function isStreamSubject(subject: string): boolean {
  const tokens = subject.split('.');
  return tokens.every((token, index) => isToken(token) && (token !== '>' || index === tokens.length - 1));
}

// No blank and no control character may pass into a line of the protocol.
function isToken(token: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return token !== '' && !/[\s\u0000-\u001F\u007F]/.test(token);
}

/** Whether one of a stream's subjects covers a subject. */
export function coversSubject(filters: readonly string[], subject: string): boolean {
  const tokens = subject.split('.');
  return filters.some((filter) => {
    const wanted = filter.split('.');
    const isOpen = wanted.at(-1) === '>';
    if (isOpen ? tokens.length < wanted.length : tokens.length !== wanted.length) return false;
    return wanted.every((token, index) => token === '*' || token === '>' || token === tokens[index]);
  });
}
