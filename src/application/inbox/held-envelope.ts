import { assertInvariant } from '../../foundation/assert.ts';
import type { MessageContent } from './inbox-message.ts';
import type { ReceivedMessage } from './received-message.ts';

/** Everything of a held message but its content, as JSON. Version 1. */
export function encodeEnvelope(received: ReceivedMessage, content: MessageContent): string {
  const { body: _body, version, ...rest } = received;
  return JSON.stringify({ form: content.form, received: { ...rest, version: version?.toString() } });
}

/** The message as it arrived, from what `encodeEnvelope` wrote and the content. */
export function decodeHeld(envelope: string, content: Uint8Array): ReceivedMessage {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own text, written by the function above
  const { form, received } = JSON.parse(envelope) as {
    readonly form: 'bytes' | 'value';
    readonly received: Omit<ReceivedMessage, 'body'>;
  };
  assertInvariant(form === 'bytes' || form === 'value', 'a held message has one of two forms');
  const body: unknown = form === 'bytes' ? content : JSON.parse(new TextDecoder().decode(content));
  return { ...received, body };
}
