import { HeadwaterError } from '../foundation/error.ts';
import { type FlowStep, flowSteps } from './flow-steps.ts';

/** Short names for what there are several of. */
const aliases: Readonly<Record<string, string>> = { emit: 'emit-message' };

/** The names that a flow can be made of. */
export function flowStepIds(): readonly string[] {
  return flowSteps.map(({ id }) => id);
}

/**
 * The steps of a flow in order, with those between the named ones that nobody has to name: capture and journal in front of a sink, the
 * consumer between a broker and an inbox. @throws HW-COMPOSE-001, HW-COMPOSE-002
 */
export function planFlow(names: readonly string[]): readonly FlowStep[] {
  const named = names.map(findStep);
  const [first, ...others] = named;
  if (first === undefined) throw new HeadwaterError('HW-COMPOSE-002', 'a flow has at least one part');
  if (first.statement === undefined || first.stage === 'read' || first.stage === 'effect') {
    throw new HeadwaterError('HW-COMPOSE-002', `a flow cannot begin with "${first.id}"`);
  }
  const steps: FlowStep[] = [first];
  let last = first;
  for (const step of others) {
    steps.push(...findBetween(last, step), step);
    last = step;
  }
  return steps;
}

function findStep(name: string): FlowStep {
  const id = aliases[name] ?? name;
  const step = flowSteps.find((candidate) => candidate.id === id);
  if (step !== undefined) return step;
  throw new HeadwaterError(
    'HW-COMPOSE-001',
    `no part of a flow is called "${name}"; there are: ${flowStepIds().join(', ')}`,
  );
}

/** What lies between two steps: nothing where one follows the other, else the implied steps that lead there. */
function findBetween(from: FlowStep, to: FlowStep): readonly FlowStep[] {
  if (from.next.includes(to.stage)) return [];
  for (const step of flowSteps) {
    if (step.isImplied !== true || step === from || !from.next.includes(step.stage)) continue;
    const rest = tryBetween(step, to);
    if (rest !== undefined) return [step, ...rest];
  }
  const after = flowSteps.filter(({ stage }) => from.next.includes(stage)).map(({ id }) => id);
  throw new HeadwaterError('HW-COMPOSE-002', `"${to.id}" cannot follow "${from.id}"`, {
    hint: after.length === 0 ? `A flow ends at "${from.id}".` : `Behind "${from.id}" can stand: ${after.join(', ')}.`,
  });
}

/** The implied steps follow one another in one direction only, so this ends. */
function tryBetween(from: FlowStep, to: FlowStep): readonly FlowStep[] | undefined {
  if (from.next.includes(to.stage)) return [];
  const step = flowSteps.find((candidate) => candidate.isImplied === true && from.next.includes(candidate.stage));
  if (step === undefined) return undefined;
  const rest = tryBetween(step, to);
  return rest === undefined ? undefined : [step, ...rest];
}
