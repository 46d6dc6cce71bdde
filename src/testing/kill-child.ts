import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The sources run as they are in tests of this repository, and compiled in the package. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const childPath = fileURLToPath(new URL(`./sink-child${EXTENSION}`, import.meta.url));

/**
 * Delivers the suite's journal in a process of its own, and kills it with SIGKILL as soon as `reached` says that it stands where
 * the test wants it; `printed` resolves when the process has printed a text. The module exports `createChild(argument): SinkChild`,
 * and is an absolute path or a `file:` address that this Node can load as it is.
 * @throws AssertionError when the process ends by itself
 */
export async function killChild(
  module: string | URL,
  argument: string,
  reached: (printed: (text: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const child = spawn(process.execPath, [childPath, String(module), argument], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const ended = (async (): Promise<void> => {
    const [code, signal] = await closed;
    assert.equal(signal, 'SIGKILL', `the child ended by itself with ${String(code)}`);
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
