import type { ResolvedLaneOptions } from '../delivery/lane-options.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { configSchema } from './config-schema.ts';
import type { ResolvedConfig } from './config-types.ts';

/**
 * Checks a whole configuration and fills in the defaults.
 * @throws HW-CONFIG-001 with every fault and its path at once.
 */
export function resolveConfig(config: unknown): ResolvedConfig {
  const parsed = configSchema.safeParse(config);
  if (!parsed.success) throw invalidConfig(parsed.error.issues);
  const resolved = withCatalogue(parsed.data);
  if (resolved.http !== false && resolved.http.token === undefined && !isLoopback(resolved.http.host)) {
    throw invalidConfig([{ path: ['http', 'token'], message: `needed when listening on "${resolved.http.host}"` }]);
  }
  return resolved;
}

/** Lanes without a catalogue of their own have the one of the configuration. */
function withCatalogue(config: ResolvedConfig): ResolvedConfig {
  const { events, lanes } = config;
  if (events === undefined) return config;
  const known = Object.entries(lanes).map(([name, lane]): [string, ResolvedLaneOptions] => [
    name,
    { ...lane, events: lane.events ?? events },
  ]);
  return { ...config, lanes: Object.fromEntries(known) };
}

/** Whether an address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The slot that the configuration names or implies. */
export function slotNameOf(config: ResolvedConfig): string {
  return config.source.slot ?? `headwater_${config.installation}`;
}

/** A table's name with its schema, `public` when the configuration gives none. */
export function qualifyTable(name: string): string {
  return name.includes('.') ? name : `public.${name}`;
}

function invalidConfig(issues: readonly { path: readonly PropertyKey[]; message: string }[]): HeadwaterError {
  const lines = issues.map((issue) => `${issue.path.map(String).join('.') || '(whole)'}: ${issue.message}`);
  return new HeadwaterError(
    'HW-CONFIG-001',
    `the configuration has ${lines.length} fault(s)\n  ${lines.join('\n  ')}`,
    {
      details: { faults: lines.length },
    },
  );
}
