import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where Node keeps the compiled code of the command and of the demo's programs, so that they start sooner the next time. Code
 * is read from it, so it lies in the user's own directory. Where it cannot be written, everything works as before, only later.
 */
export const compileCacheDirectory: string = join(homedir(), '.cache', 'headwater', 'compiled');

/** From here on this process keeps what it compiles. What it has loaded before is not kept. */
export function keepCompiledCode(): void {
  enableCompileCache(compileCacheDirectory);
}
