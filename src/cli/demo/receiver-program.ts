import { DatabaseSync } from 'node:sqlite';

import { systemClock } from '../../foundation/clock.ts';
import { requireSetting, runChildProgram } from './child-program.ts';
import { parseDemoEvent } from './demo-event.ts';
import { createJsonServer } from './json-server.ts';
import type { JsonAnswer } from './json-request.ts';

/*
 * The receiver: somebody else's service with a store of its own. It carries out an effect for each event (a mail, a
 * reservation: here a row) and drops an event whose id it has had, in the same statement. It is the same in every act and
 * does not know who sends.
 */

runChildProgram(async (settings) => {
  const ledger = openLedger(requireSetting(settings, 'ledgerFile'));
  const server = createJsonServer(Number(requireSetting(settings, 'port')), (method, url, body) =>
    Promise.resolve(answer(ledger, { method, url, body })),
  );
  await server.listen();
  let openCutCount = 0;
  return {
    /** `cut N`: the network between the receiver and everybody breaks for N ms. The program and its ledger live on. */
    async obey(line) {
      openCutCount += 1;
      const isOver = systemClock.sleep(Number(line.replace('cut ', '')));
      await server.cut();
      await isOver;
      openCutCount -= 1;
      if (openCutCount === 0) await server.listen();
    },
    async stop() {
      await server.drain();
      ledger.close();
    },
  };
});

function openLedger(file: string): DatabaseSync {
  const ledger = new DatabaseSync(file);
  // Durable at each commit: what was acknowledged survives a SIGKILL and a power cut.
  ledger.exec('pragma journal_mode = wal; pragma synchronous = full');
  ledger.exec(`create table if not exists effect (
    arrived integer primary key autoincrement, event_id text not null unique, order_id text not null, type text not null)`);
  ledger.exec(`create table if not exists repetition (
    arrived integer primary key autoincrement, event_id text not null, order_id text not null)`);
  return ledger;
}

interface ReceivedRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: unknown;
}

function answer(ledger: DatabaseSync, { method, url, body }: ReceivedRequest): JsonAnswer {
  if (method === 'POST' && url.pathname === '/events') {
    const event = parseDemoEvent(body);
    if (event === undefined) return { statusCode: 400, body: { error: 'no event of the demo' } };
    const insert = ledger.prepare('insert or ignore into effect (event_id, order_id, type) values (?, ?, ?)');
    const { changes } = insert.run(event.id, event.orderId, event.type);
    if (changes === 0) {
      ledger.prepare('insert into repetition (event_id, order_id) values (?, ?)').run(event.id, event.orderId);
    }
    return { statusCode: 200, body: { isNew: changes === 1 } };
  }
  const like = `${url.searchParams.get('prefix') ?? ''}%`;
  if (method === 'GET' && url.pathname === '/effects') {
    const select = ledger.prepare('select event_id, order_id, type from effect where order_id like ? order by arrived');
    return { statusCode: 200, body: select.all(like) };
  }
  if (method === 'GET' && url.pathname === '/repetitions') {
    const select = ledger.prepare('select event_id from repetition where order_id like ? order by arrived');
    return { statusCode: 200, body: select.all(like) };
  }
  return { statusCode: 404, body: { error: 'not found' } };
}
