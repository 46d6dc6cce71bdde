import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { Webhook } from 'standardwebhooks';

/*
 * Somebody else's service: `node receiver-program.ts <JSON of ReceiverSettings>`. It checks requests with the reference
 * library of Standard Webhooks, notes each that it accepts in a store of its own, and has an effect for each id once, in the
 * same transaction. It prints `port N` when it listens, and ends with its standard input.
 */

/** What the program is told. */
export interface ReceiverSettings {
  readonly port: number;
  readonly file: string;
  readonly secret: string;
}

const settings = JSON.parse(process.argv[2] ?? '') as ReceiverSettings;
const store = new DatabaseSync(settings.file);
// Durable at each commit: what was answered with 204 survives a SIGKILL and a power cut.
store.exec('pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000');
store.exec('create table if not exists place (path text primary key)');
store.exec('create table if not exists arrival (place integer primary key autoincrement, id text not null)');
store.exec(
  'create table if not exists effect (place integer primary key autoincrement, id text not null unique, body text not null)',
);
store.exec('create table if not exists refusal (fragment text primary key)');
const findPlace = store.prepare('select 1 from place where path = ?');
const noteArrival = store.prepare('insert into arrival (id) values (?)');
const noteEffect = store.prepare('insert or ignore into effect (id, body) values (?, ?)');
const findEffect = store.prepare('select 1 from effect where id = ?');
const findRefusal = store.prepare('select 1 from refusal where instr(?, fragment) > 0');
const webhook = new Webhook(settings.secret);

const server = createServer((request, response) => {
  void receive(request).then((statusCode) => {
    response.statusCode = statusCode;
    return response.end();
  });
});
server.listen(settings.port, '127.0.0.1', () => {
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

async function receive(request: IncomingMessage): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (findPlace.get(request.url ?? '') === undefined) return 404;
  const body = Buffer.concat(chunks).toString();
  try {
    webhook.verify(body, request.headers as Record<string, string>);
  } catch {
    return 401;
  }
  const id = String(request.headers['webhook-id']);
  // What took effect while nothing was refused comes again when its answer was lost, and is no refusal then.
  if (findEffect.get(id) === undefined && findRefusal.get(body) !== undefined) return 400;
  store.exec('begin immediate');
  noteArrival.run(id);
  noteEffect.run(id, body);
  store.exec('commit');
  return 204;
}
