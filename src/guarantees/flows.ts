import type { Claim } from '../model/guarantee.ts';

/** A flow that is written down in the documents, with the tests that hold it as a whole. */
interface NamedFlow {
  /** As they are named; what lies between is found. */
  readonly names: readonly string[];
  /** Every part, in order. */
  readonly parts: string;
  readonly claims: readonly Claim[];
}

const toJournal = 'capture journal';

function rule(names: string, outcome: string): Claim {
  return {
    text: 'The rules of composition say so.',
    heldBy: `the statement of a flow > ${names}: ${outcome}`,
  };
}

/** Flows from end to end, in the direction of a change. */
export const flows: readonly NamedFlow[] = [
  flow('emit kafka inbox', `emit-message ${toJournal} kafka consumers inbox`, [
    rule('emit kafka inbox', 'effectively-once, by inbox'),
    {
      text: 'What emit wrote comes through journal, topic and consumer into the transaction of the inbox.',
      heldBy:
        'the Kafka consumer > takes what emit wrote from the journal through the topic, and its own events follow from the message',
    },
    {
      text: 'A record that comes a hundred times has one effect.',
      heldBy: 'the Kafka consumer > has one effect for a record that comes a hundred times',
    },
    {
      text: 'A consumer that is killed between its commit and its acknowledgement repeats nothing.',
      heldBy: 'the Kafka consumer > has one effect for each record when it is killed after the commit',
    },
  ]),
  flow('emit nats inbox', `emit-message ${toJournal} nats consumers inbox`, [
    rule('emit nats inbox', 'effectively-once, by inbox'),
    {
      text: 'A consumer that is killed between its commit and its acknowledgement repeats nothing.',
      heldBy: 'the NATS consumer > has one effect for each message when it is killed after the commit',
    },
  ]),
  flow('emit rabbitmq inbox', `emit-message ${toJournal} rabbitmq consumers inbox`, [
    rule('emit rabbitmq inbox', 'effectively-once, by inbox'),
    {
      text: 'A consumer that is killed between its commit and its acknowledgement repeats nothing.',
      heldBy: 'the RabbitMQ consumer > has one effect for each message when it is killed after the commit',
    },
  ]),
  flow('emit webhook inbox', `emit-message ${toJournal} webhook consumers inbox`, [
    rule('emit webhook inbox', 'effectively-once, by inbox'),
    {
      text: 'What the sink sends is taken once each.',
      heldBy: 'the webhook receiver > takes what the webhook sink sends, each once',
    },
  ]),
  flow('emit handler inbox', `emit-message ${toJournal} handler inbox`, [
    rule('emit handler inbox', 'effectively-once, by inbox'),
    {
      text: 'A message that comes again has one effect, whoever calls the inbox.',
      heldBy: 'an inbox > takes a message once with pg, and answers every duplicate with the first reply',
    },
  ]),
  flow('emit kafka inbox keyed-effect', `emit-message ${toJournal} kafka consumers inbox keyed-effect`, [
    rule('emit kafka inbox keyed-effect', 'effectively-once, by keyed-effect'),
    {
      text: 'A provider that honours keys is charged once, while the message comes again.',
      heldBy: 'calls out of a flow > with a key take effect once, while the message comes again',
    },
  ]),
  flow('emit kafka inbox guarded-effect', `emit-message ${toJournal} kafka consumers inbox guarded-effect`, [
    rule('emit kafka inbox guarded-effect', 'at-most-once, by guarded-effect'),
    {
      text: 'It is not called again behind a process that died in the call.',
      heldBy:
        'an effect outside the database > without a key is not called again behind a process that died in the call',
    },
  ]),
  flow('emit kafka inbox plain-call', `emit-message ${toJournal} kafka consumers inbox plain-call`, [
    rule('emit kafka inbox plain-call', 'at-least-once, by plain-call'),
    {
      text: 'A call of the handler is made again when the transaction around it fails, although the inbox takes effect once.',
      heldBy: 'calls out of a flow > without a key are made again when the transaction around them fails',
    },
  ]),
  flow('idempotency emit kafka inbox', `idempotency emit-message ${toJournal} kafka consumers inbox`, [
    rule('idempotency emit kafka inbox', 'effectively-once, by inbox'),
    {
      text: 'A repeated request has one effect and one event.',
      heldBy:
        'idempotency keys with pg on PostgreSQL 18, as the application role > answers a repetition as the first request, marked, with one effect and one event',
    },
  ]),
  flow('transact emit rabbitmq', `transact emit-message ${toJournal} rabbitmq`, [
    rule('transact emit rabbitmq', 'not-promised, by rabbitmq'),
  ]),
  flow('transact postgres version-token', `transact ${toJournal} postgres version-token`, [
    rule('transact postgres version-token', 'at-most-once, by transact'),
    {
      text: 'A read behind the token sees the write.',
      heldBy: 'reads behind a version token, PostgreSQL 18 > see the write, on every lane and in a view, each time',
    },
  ]),
];

function flow(names: string, parts: string, claims: readonly Claim[]): NamedFlow {
  return { names: names.split(' '), parts, claims };
}

/** The claims of a flow that is one of the list; none of any other. */
export function flowClaims(parts: readonly string[]): readonly Claim[] {
  return flows.find((named) => named.parts === parts.join(' '))?.claims ?? [];
}
