/**
 * A message as it arrived, in the words of every broker. Its effect is taken once for each sender and id.
 */
export interface ReceivedMessage {
  /** The same over every delivery: of what is meant, not of the attempt. 1 to 255 characters. */
  readonly id: string;
  /** Who made the id: the installation that emitted the event, a service, an endpoint. Ids of two senders never meet. */
  readonly sender: string;
  /** The payload: bytes in `contentType`, or a value that JSON can hold. */
  readonly body: unknown;
  /** Of the bytes in `body`. Default `application/json`; bytes of any other type reach the schema as they are. */
  readonly contentType?: string | undefined;
  readonly type?: string | undefined;
  /** What the message is about; ordered inboxes keep the order of each key. */
  readonly key?: string | null | undefined;
  /** The sender's version of what `key` names: a whole number from 0, also as text. */
  readonly version?: string | number | bigint | undefined;
  /** When it was first sent, in milliseconds since 1970. Without it nobody can tell that a message is older than its receipt. */
  readonly sentAt?: number | undefined;
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  /** W3C trace context of the sender. */
  readonly traceparent?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}
