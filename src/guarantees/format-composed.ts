import type { ComposedProperty, ComposedStatement, PartSentence } from '../model/composed-statement.ts';
import type { BoundaryGuarantee } from '../model/guarantee.ts';
import { formatSection } from './explain.ts';

/** The statement of a flow for people: the same text in the terminal and in the docs. */
export function formatComposed(composed: ComposedStatement): string {
  const { atomicity, boundary, callerWaitsFor, consistency, durability, ordering, staleness, synchronicity } = composed;
  return [
    composed.parts.join(' → '),
    '',
    summarize(composed),
    '',
    `As a whole, up to ${boundary.id} (${boundary.kind}); in brackets the part that decides`,
    `  effect       ${composed.cardinality.value.replaceAll('-', ' ')}${decidedBy(composed.cardinality)}`,
    `  atomicity    ${atomicity.value.replaceAll('-', ' ')}${decidedBy(atomicity)}`,
    `  timing       ${synchronicity.value}${decidedBy(synchronicity)}; ${consistency.value} consistency${decidedBy(consistency)}`,
    `  freshness    ${freshness[staleness.value]}${staleness.value === 'none' ? '' : decidedBy(staleness)}`,
    `  order        ${describeOrder(ordering.value)}${ordering.value.scope === 'total' ? '' : decidedBy(ordering)}`,
    `  durability   ${durability.value.replaceAll('-', ' ')}${decidedBy(durability)}`,
    `  waits for    ${callerWaitsFor.length === 0 ? 'nothing' : callerWaitsFor.join(', ')}; whatever comes behind lags when it fails`,
    ...formatSection(
      'Success means',
      composed.ladder.map(({ ack, boundary: at, part }) => `${part}: ${ack}, at ${at}`),
    ),
    ...formatSection('A duplicate means', composed.duplicates.map(withPart)),
    ...formatSection('Stops when', composed.blockedBy.map(withPart)),
    ...formatSection('Recovers', composed.recovery.map(withPart)),
    ...formatSection('Needs', composed.prerequisites.map(withPart)),
    ...formatSection('Windows that stay open', composed.residual.map(withPart)),
    ...formatSection(
      'Held by tests, beside the claims of each part',
      composed.claims.map((claim) => `${claim.text}\n      test: ${claim.heldBy}`),
    ),
  ].join('\n');
}

/** One sentence, as it may be said aloud. */
function summarize({ boundary, cardinality, subject }: ComposedStatement): string {
  const at = `at ${boundary.id}`;
  switch (cardinality.value) {
    case 'effectively-once':
      return `${subject}: effectively once ${at}, by ${cardinality.by}.`;
    case 'at-least-once':
      return `${subject}: at least once ${at}; ${cardinality.part} may repeat it, and nothing behind drops that.`;
    case 'at-most-once':
      return `${subject}: at most once ${at}; from ${cardinality.part} on it may be missing, and nothing brings it back.`;
    case 'not-promised':
      return `${subject}: it may be missing and it may come again ${at}; ${cardinality.part} may repeat what a part before may lose.`;
    default:
      return cardinality.value satisfies never;
  }
}

const freshness = {
  none: 'as of the commit',
  'bounded-by-token': 'at least as of the token that is waited for',
  unbounded: 'behind the commit by a delay without a bound',
} as const;

function describeOrder({ basis, scope }: BoundaryGuarantee['ordering']): string {
  return basis === undefined ? scope : `${scope}, by ${basis}`;
}

/** Where nothing is weaker than it could be, there is no weakest link. */
function decidedBy({ part, value }: ComposedProperty<unknown>): string {
  return strongest.has(value) ? '' : ` (${part})`;
}

const strongest: ReadonlySet<unknown> = new Set(['atomic', 'sync', 'strong', 'durable']);

function withPart({ part, text }: PartSentence): string {
  return `${part}: ${text}`;
}
