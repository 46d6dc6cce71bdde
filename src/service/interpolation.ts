import { HeadwaterError } from '../foundation/error.ts';

const reference = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every text of a configuration. Functions, dates and class instances stay as
 * they are.
 * @throws HW-CONFIG-004 that names every variable that is missing.
 */
export function interpolateEnvironment(
  config: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): unknown {
  const missing = new Set<string>();
  const result = interpolate(config, (name, fallback) => {
    const value = environment[name] ?? fallback;
    if (value === undefined) missing.add(name);
    return value ?? '';
  });
  if (missing.size > 0) {
    throw new HeadwaterError('HW-CONFIG-004', `not set in the environment: ${[...missing].toSorted().join(', ')}`);
  }
  return result;
}

function interpolate(value: unknown, lookUp: (name: string, fallback: string | undefined) => string): unknown {
  if (typeof value === 'string') {
    return value.replace(reference, (_, name: string, fallback: string | undefined) => lookUp(name, fallback));
  }
  if (Array.isArray(value)) return value.map((element) => interpolate(element, lookUp));
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([name, element]) => [name, interpolate(element, lookUp)]));
  }
  return value;
}
