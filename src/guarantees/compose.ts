import { assertInvariant } from '../foundation/assert.ts';
import type {
  ComposedCardinality,
  ComposedProperty,
  ComposedStatement,
  PartSentence,
} from '../model/composed-statement.ts';
import type { AckMeaning, BoundaryGuarantee, EffectGuarantee, GuaranteeStatement } from '../model/guarantee.ts';
import { type FlowStep, flowSubjects } from './flow-steps.ts';
import { flowClaims } from './flows.ts';
import { planFlow } from './plan-flow.ts';
import { statements } from './statements.ts';

/**
 * The statement of a flow, from the statements of its parts by the weakest link in each property: `compose(['emit', 'kafka', 'inbox'])`.
 * Parts that lie between need not be named. Pure.
 * @throws HW-COMPOSE-001 for a name that is no part of flows, HW-COMPOSE-002 for parts that do not follow one another
 */
export function compose(names: readonly string[]): ComposedStatement {
  const links = toLinks(planFlow(names));
  const [first] = links;
  const last = links.at(-1);
  assertInvariant(first !== undefined && last !== undefined, 'a planned flow has a first and a last step');
  const parts = links.map(({ step }) => step.id);
  return {
    version: 1,
    parts,
    subject: flowSubjects[first.step.stage],
    boundary: last.guarantee.boundary,
    cardinality: composeCardinality(links),
    atomicity: composeAtomicity(links),
    synchronicity: weakest(links, ({ guarantee }) => guarantee.synchronicity, synchronicities),
    consistency: weakest(links, ({ guarantee }) => guarantee.consistency, consistencies),
    staleness: composeStaleness(links),
    ordering: composeOrdering(links),
    durability: weakest(
      links.filter(({ step }) => step.stage !== 'read'),
      ({ guarantee }) => (durableAcks.has(guarantee.ack) ? 'durable' : 'as-the-receiver-says'),
      durabilities,
    ),
    ladder: links.map(({ guarantee: { ack, boundary }, step }) => ({ part: step.id, boundary: boundary.id, ack })),
    callerWaitsFor: findWaitedFor(links),
    duplicates: sentences(links, ({ statement }) => [statement.duplicates]),
    blockedBy: sentences(links, ({ statement }) => statement.blockedBy),
    recovery: sentences(links, ({ guarantee: { recovery } }) => [`by ${recovery.by}, from ${recovery.from}`]),
    prerequisites: sentences(links, ({ statement }) => statement.prerequisites),
    residual: sentences(links, ({ statement }) => statement.residual),
    claims: flowClaims(parts),
  };
}

/** One part with what of its statement the flow goes through. */
interface Link {
  readonly step: FlowStep;
  readonly statement: GuaranteeStatement;
  readonly guarantee: BoundaryGuarantee;
  readonly effect: EffectGuarantee;
}

function toLinks(steps: readonly FlowStep[]): readonly Link[] {
  const links: Link[] = [];
  for (const [index, step] of steps.entries()) {
    const before = links.at(-1);
    links.push(step.statement === undefined ? toPlainCall(step, before) : toLink(step, index < steps.length - 1));
  }
  return links;
}

function toLink(step: FlowStep, goesOn: boolean): Link {
  const statement = statements.find(({ id }) => id === step.statement);
  const guarantee = statement?.remains[0];
  const effect = guarantee?.effects[goesOn ? (step.effectWithin ?? step.effect) : step.effect];
  assertInvariant(
    statement !== undefined && guarantee !== undefined && effect !== undefined,
    'each step of a flow has a statement with the effect that it names',
  );
  return { step, statement, guarantee, effect };
}

/** What a part says of everything that its mechanism does not cover. */
function toPlainCall(step: FlowStep, before: Link | undefined): Link {
  const effect = before?.guarantee.effects.find(
    ({ by, cardinality }) => by === undefined && cardinality === 'at-least-once',
  );
  assertInvariant(before !== undefined && effect !== undefined, 'a plain call follows a part that speaks of it');
  const guarantee: BoundaryGuarantee = {
    ...before.guarantee,
    boundary: { id: `${before.step.id} → another system, without a key`, kind: 'service' },
    effects: [effect],
    atomicity: 'none',
    consistency: 'eventual',
    ordering: { scope: 'none' },
    ack: 'processed',
  };
  const statement: GuaranteeStatement = {
    ...before.statement,
    duplicates: 'The other system is called again, and does again whatever it does.',
    blockedBy: ['the other system, while it does not answer'],
    prerequisites: [],
    residual: ['the call may have been made for a transaction that was rolled back'],
  };
  return { step, statement, guarantee, effect };
}

const synchronicities = ['async', 'sync-then-async-on-error', 'sync'] as const;
const consistencies = ['eventual', 'strong'] as const;
const durabilities = ['as-the-receiver-says', 'durable'] as const;
const atomicities = ['none', 'atomic-partial-states-visible', 'atomic'] as const;
const scopes = ['none', 'per-key', 'per-partition', 'total'] as const;

/** Acknowledgements of what survives a crash of the one that gives them. */
const durableAcks: ReadonlySet<AckMeaning> = new Set([
  'persisted',
  'committed',
  'checkpointed',
  'cursor-advanced',
  'responsibility-transferred',
]);

/** The first of the weakest. `order` begins with what is weakest. */
function weakest<Value>(
  links: readonly Link[],
  read: (link: Link) => Value,
  order: readonly Value[],
): ComposedProperty<Value> {
  const values = links.map((link) => ({ value: read(link), part: link.step.id }));
  const rank = ({ value }: ComposedProperty<Value>): number => order.indexOf(value);
  return values.reduce((weakestOne, next) => (rank(next) < rank(weakestOne) ? next : weakestOne));
}

/**
 * How often the end happens. A repetition is dropped by the next part that knows what it repeats; what may be missing is brought back by
 * nobody.
 */
function composeCardinality(links: readonly Link[]): ComposedStatement['cardinality'] {
  let missing: Link | undefined;
  let repeating: Link | undefined;
  let [mechanism] = links;
  for (const link of links) {
    const { cardinality } = link.effect;
    if (cardinality === 'at-least-once') repeating ??= link;
    else if (cardinality === 'at-most-once') [missing, repeating] = [missing ?? link, undefined];
    else if (link.step.dropsRepetitions) [mechanism, repeating] = [link, undefined];
  }
  const decides = repeating ?? missing ?? mechanism;
  assertInvariant(decides !== undefined, 'a planned flow has a first step');
  return { value: nameCardinality(missing, repeating), part: decides.step.id, by: decides.effect.by };
}

function nameCardinality(missing: Link | undefined, repeating: Link | undefined): ComposedCardinality {
  if (missing !== undefined) return repeating === undefined ? 'at-most-once' : 'not-promised';
  return repeating === undefined ? 'effectively-once' : 'at-least-once';
}

/** Each boundary commits by itself: behind the first one a reader sees some before the others. */
function composeAtomicity(links: readonly Link[]): ComposedStatement['atomicity'] {
  const least = weakest(links, ({ guarantee }) => guarantee.atomicity, atomicities);
  if (least.value !== 'atomic') return least;
  const start = links[0]?.guarantee.boundary.id;
  const second = links.find(({ guarantee }) => guarantee.boundary.id !== start);
  return second === undefined ? least : { value: 'atomic-partial-states-visible', part: second.step.id };
}

/** A token is waited for behind everything that lags. */
function composeStaleness(links: readonly Link[]): ComposedStatement['staleness'] {
  const bound = links.findLast(({ guarantee }) => guarantee.staleness === 'bounded-by-token');
  if (bound !== undefined) return { value: 'bounded-by-token', part: bound.step.id };
  return weakest(links, ({ guarantee }) => guarantee.staleness ?? 'none', ['unbounded', 'bounded-by-token', 'none']);
}

/** Requests of clients have no order that could be kept: it begins with the commit. */
function composeOrdering(links: readonly Link[]): ComposedStatement['ordering'] {
  const ordered = links.filter(({ step }, index) => index > 0 || step.stage !== 'request');
  const considered = ordered.length === 0 ? links : ordered;
  const { part } = weakest(considered, ({ guarantee }) => guarantee.ordering.scope, scopes);
  const link = considered.find(({ step }) => step.id === part);
  assertInvariant(link !== undefined, 'the weakest part is one of the parts');
  return { value: link.guarantee.ordering, part };
}

/** The unbroken run of parts from the first on that stop the one before them. */
function findWaitedFor(links: readonly Link[]): readonly string[] {
  const firstAsync = links.findIndex(({ guarantee }) => !guarantee.blocking || guarantee.synchronicity === 'async');
  return (firstAsync === -1 ? links : links.slice(0, firstAsync)).map(({ step }) => step.id);
}

function sentences(links: readonly Link[], read: (link: Link) => readonly string[]): readonly PartSentence[] {
  return links.flatMap((link) => read(link).map((text) => ({ part: link.step.id, text })));
}
