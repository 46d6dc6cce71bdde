import { HeadwaterError } from '../foundation/error.ts';
import type { ResolvedConfig } from '../service/config-types.ts';
import { startResolved, type Headwater, type StartOptions } from '../service/headwater.ts';
import type { CommandInput } from './command.ts';
import { startLean } from './lean-start.ts';

/** Starts Headwater. Undefined: it was asked to stop before it ran, and nothing is left running. @throws as `startHeadwater` */
export async function startUnlessInterrupted(
  config: ResolvedConfig,
  options: StartOptions & { readonly signal: AbortSignal },
): Promise<Headwater | undefined> {
  try {
    return await startLean(() => startResolved(config, options));
  } catch (thrown) {
    if (options.signal.aborted) return undefined;
    throw thrown;
  }
}

/** Waits until it is to stop, which is a success; the end of capture by itself is not. @throws what ended capture */
export async function waitForEnd(
  headwater: Headwater,
  { signal, terminal }: Pick<CommandInput, 'signal' | 'terminal'>,
): Promise<number> {
  const interrupted = Promise.withResolvers<undefined>();
  signal.addEventListener('abort', () => interrupted.resolve(undefined), { once: true });
  if (signal.aborted) interrupted.resolve(undefined);
  const error = await Promise.any([interrupted.promise, headwater.captureEnded]);
  if (error === undefined) return 0;
  terminal.note(`capture has ended: ${error.code} ${error.message}`);
  throw error instanceof HeadwaterError ? error : HeadwaterError.from(error);
}
