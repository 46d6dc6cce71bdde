import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const childPath = fileURLToPath(new URL('./sink-child.ts', import.meta.url));

/**
 * Runs `sink-child.ts` with a module, and kills it with SIGKILL as soon as `reached` says that it stands where the test wants
 * it. `printed` resolves when it prints the text. Fails if the child ends by itself.
 */
export async function killChild(
  modulePath: string,
  argument: string,
  reached: (printed: (text: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const child = spawn(process.execPath, [childPath, modulePath, argument], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const ended = (async (): Promise<void> => {
    const [code, signal] = await closed;
    if (signal !== 'SIGKILL') throw new Error(`the child ended by itself with ${String(code)}`);
  })();
  let output = '';
  const printed = (text: string): Promise<void> =>
    new Promise((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes(text)) resolve();
      });
    });
  try {
    await Promise.race([reached(printed), ended]);
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}
