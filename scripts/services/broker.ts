import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { claimDirectory } from '../../src/postgres/server-directory.ts';
import type { ServiceOwner } from './owner.ts';
import { nameScratchDirectory } from './scratch.ts';
import { isServiceName, type ServiceAddress, type ServiceName } from './service.ts';

/*
 * One process owns the servers of a run; the others ask it over a local socket, one line of JSON each way, a connection per
 * question. The socket lies in a directory that only this user can open, and goes away with the owner.
 */

/** The variable that tells the processes of a run where the owner listens. */
export const brokerVariable = 'HEADWATER_TEST_SERVICES';

export interface ServiceBroker extends AsyncDisposable {
  readonly socketPath: string;
}

type Answer = ServiceAddress | { readonly kind: 'failed'; readonly message: string };

/** Lets other processes of this user ask the owner for services. Does not keep the process alive. */
export async function openServiceBroker(owner: ServiceOwner): Promise<ServiceBroker> {
  const directory = await nameScratchDirectory('run');
  const claim = await claimDirectory(directory);
  const socketPath = join(directory, 'services.sock');
  const server = createServer((socket) => {
    socket.unref();
    socket.on('error', () => socket.destroy()); // Who asked is gone; nobody waits for the answer.
    void answer(owner, socket);
  });
  server.listen(socketPath);
  await once(server, 'listening');
  server.unref();
  return {
    socketPath,
    async [Symbol.asyncDispose](): Promise<void> {
      server.close();
      await rm(directory, { recursive: true, force: true });
      await claim.release();
    },
  };
}

/** Asks the owner of this run. Waits as long as the service takes to start. */
export async function askServiceBroker(
  socketPath: string,
  name: ServiceName,
  requester: string,
): Promise<ServiceAddress> {
  const socket = connect(socketPath);
  await once(socket, 'connect');
  socket.write(`${JSON.stringify({ name, requester })}\n`);
  const answered = parseAnswer(await readLine(socket));
  socket.destroy();
  if (answered.kind === 'failed') throw new Error(`${name} could not be started: ${answered.message}`);
  return answered;
}

async function answer(owner: ServiceOwner, socket: Socket): Promise<void> {
  try {
    const { name, requester } = parseQuestion(await readLine(socket));
    socket.end(`${JSON.stringify(await owner.obtain(name, requester))}\n`);
  } catch (error) {
    const failed: Answer = { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
    socket.end(`${JSON.stringify(failed)}\n`);
  }
}

async function readLine(socket: Socket): Promise<string> {
  const lines = createInterface({ input: socket });
  // The iteration throws an error that comes while it waits; one that comes after the line must not end the owner.
  lines.on('error', () => socket.destroy());
  for await (const line of lines) return line;
  throw new Error('the other side closed the connection without a word; the process that owns the services has ended');
}

function parseQuestion(line: string): { readonly name: ServiceName; readonly requester: string } {
  const { name, requester } = JSON.parse(line) as { readonly name?: unknown; readonly requester?: unknown };
  if (typeof name !== 'string' || !isServiceName(name) || typeof requester !== 'string') {
    throw new Error(`not a question for a service: ${line.slice(0, 200)}`);
  }
  return { name, requester };
}

function parseAnswer(line: string): Answer {
  return JSON.parse(line) as Answer;
}
