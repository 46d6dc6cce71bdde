import type { BoundaryGuarantee, GuaranteeStatement } from '../model/guarantee.ts';
import { statements } from './statements.ts';

/** The statement of a sink, an emit mode or a part, by its id; undefined when there is none. */
export function explain(id: string): GuaranteeStatement | undefined {
  return statements.find((statement) => statement.id === id);
}

/** The ids that `explain` knows. */
export function statementIds(): readonly string[] {
  return statements.map((statement) => statement.id);
}

/** A statement for people: the same text in the terminal and in the docs. */
export function formatStatement(statement: GuaranteeStatement): string {
  const lines = [
    `${statement.id}: ${statement.title}`,
    '',
    `Resolution: ${statement.resolution}`,
    ...formatSection('Replaces', statement.replaces),
    '',
    'Remains',
    ...statement.remains.flatMap(formatBoundary),
    '',
    'A duplicate means',
    `  ${statement.duplicates}`,
    ...formatSection('Stops when', statement.blockedBy),
    ...formatSection('Needs', statement.prerequisites),
    ...formatSection('Windows that stay open', statement.residual),
    ...formatSection('Costs', statement.cost),
    ...formatSection(
      'Held by tests',
      statement.claims.map((claim) => `${claim.text}\n      test: ${claim.heldBy}`),
    ),
  ];
  return lines.join('\n');
}

/** A heading with its entries; nothing where there are none. */
export function formatSection(title: string, entries: readonly string[]): string[] {
  return entries.length === 0 ? [] : ['', title, ...entries.map((entry) => `  - ${entry}`)];
}

function formatBoundary(guarantee: BoundaryGuarantee): string[] {
  const { boundary, ordering, recovery } = guarantee;
  const order = ordering.basis === undefined ? ordering.scope : `${ordering.scope}, by ${ordering.basis}`;
  return [
    `  ${boundary.id} (${boundary.kind})`,
    ...guarantee.effects.map(
      (effect) =>
        `    effect       ${effect.subject}: ${effect.cardinality.replaceAll('-', ' ')}${effect.by === undefined ? '' : ` by ${effect.by}`}`,
    ),
    `    atomicity    ${guarantee.atomicity.replaceAll('-', ' ')}`,
    `    timing       ${guarantee.synchronicity}; ${guarantee.consistency} consistency`,
    `    order        ${order}`,
    `    ack means    ${guarantee.ack}`,
    `    blocking     ${guarantee.blocking ? 'yes' : 'no'}`,
    `    recovery     by ${recovery.by}, from ${recovery.from}`,
    ...guarantee.failure.map((failure) => `    on failure   ${failure}`),
  ];
}
