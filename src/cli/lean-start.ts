import { setFlagsFromString } from 'node:v8';

/**
 * Starts something without letting V8 grow its young generation meanwhile. Loading a hundred modules leaves much garbage
 * behind, for which V8 would take some 20 MB that an idle process never gives back. Under load it grows as ever. For a process
 * of our own: an application that embeds Headwater has its own mind about V8. `npm run bench -- idle`.
 */
export async function startLean<Started>(start: () => Promise<Started>): Promise<Started> {
  setFlagsFromString('--semi-space-growth-factor=1');
  try {
    return await start();
  } finally {
    setFlagsFromString('--semi-space-growth-factor=2');
  }
}
