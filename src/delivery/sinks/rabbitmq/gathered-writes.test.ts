import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { GatheredWrites } from './gathered-writes.ts';

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

test('what a client plans to write in one turn is held until that turn, goes out whole with it, and nothing stays held', async () => {
  const received: Buffer[] = [];
  const server = createServer((peer) => peer.on('data', (bytes: Buffer) => received.push(bytes))).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const socket = connect(address.port, address.address);
  await once(socket, 'connect');
  const writes = new GatheredWrites([socket]);
  for (const text of ['first', 'second']) {
    // As the client does: a tick behind the publication it plans to write in an immediate.
    const written = Promise.withResolvers<void>();
    process.nextTick(() =>
      setImmediate(() => {
        for (const piece of [text, ' ', 'message;']) socket.write(piece);
        assert.equal(socket.writableLength, `${text} message;`.length, 'nothing went out by itself');
        written.resolve();
      }),
    );
    writes.gather();
    writes.gather();
    assert.equal(socket.writableCorked, 1);
    await written.promise;
    await turn();
    assert.equal(socket.writableCorked, 0);
  }
  socket.end();
  await once(socket, 'close');
  server.close();
  await once(server, 'close');
  assert.equal(Buffer.concat(received).toString(), 'first message;second message;');
});
