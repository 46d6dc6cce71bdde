import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';

import { startHttpServer, type HttpServer } from './http-server.ts';
import type { StatusReport } from './status-report.ts';

const noReplay = (): Promise<never> => Promise.reject(new Error('no replay here'));

const report: StatusReport = {
  version: 1,
  product: '0.1.0',
  installation: 'main',
  state: 'running',
  startedAt: '2026-01-01T00:00:00.000Z',
  now: '2026-01-01T00:01:00.000Z',
  owner: { pid: 7, host: 'a', since: '2026-01-01T00:00:00.000Z', epoch: 1 },
  takeover: null,
  source: {
    state: 'streaming',
    slot: 'headwater_main',
    publication: 'headwater',
    systemId: '7',
    timeline: 1,
    serverVersion: '18.4',
    receivedLsn: '0/3',
    durableLsn: '0/2',
    confirmedLsn: '0/2',
    retainedBytes: 10,
    unconfirmedBytes: 5,
    safeBytes: null,
    slotState: 'reserved',
    canary: 'on',
    canaryAgeMs: 1500,
    transactionCount: 3,
    duplicateCount: 1,
    reconnectCount: 0,
    incompleteTables: [],
    copies: [],
    forgedMessageCount: 0,
    error: null,
  },
  journal: {
    id: 'j',
    directory: '/j',
    firstSequence: '1',
    lastSequence: '3',
    byteCount: 9,
    capacityBytes: 99,
    oldestCommitAt: '2026-01-01T00:00:30.000Z',
  },
  lanes: [
    {
      name: 'search',
      originalName: 'search',
      sink: 'postgres',
      target: 'db "x"',
      state: 'running',
      since: '2026-01-01T00:00:00.000Z',
      sequence: '3',
      backlogTransactions: '0',
      freshnessMs: 0,
      deliveredCount: 7,
      filteredCount: 2,
      retryCount: 0,
      parkedKeyCount: 0,
      parkedRecordCount: 0,
      complete: true,
      recordCount: 0,
      origin: '0',
      beganLater: false,
      incompleteTables: [],
      error: null,
    },
  ],
};

interface Reply {
  readonly statusCode: number;
  readonly body: string;
}

function ask(server: HttpServer, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, server.url), { headers, method }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ statusCode: response.statusCode ?? 0, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('the HTTP interface', () => {
  let open: HttpServer;
  let guarded: HttpServer;
  let current: StatusReport = report;
  before(async () => {
    const base = {
      host: '127.0.0.1',
      port: 0,
      allowedHosts: ['headwater.internal'],
      status: () => Promise.resolve(current),
      lanes: [],
      replay: noReplay,
    };
    open = await startHttpServer({ ...base, token: undefined });
    guarded = await startHttpServer({ ...base, token: 'opensesame' });
  });
  after(async () => {
    await open[Symbol.asyncDispose]();
    await guarded[Symbol.asyncDispose]();
  });

  it('answers on its paths and on no other', async () => {
    assert.equal((await ask(open, '/livez')).statusCode, 200);
    assert.equal((await ask(open, '/readyz')).statusCode, 200);
    assert.equal((await ask(open, '/nothing')).statusCode, 404);
    assert.deepEqual(JSON.parse((await ask(open, '/status')).body), report);
    assert.match(
      (await ask(open, '/metrics')).body,
      /^headwater_source_slot_retained_bytes\{source="main",slot="headwater_main"\} 10$/m,
    );
  });

  it('is alive but not ready while capture has failed', async () => {
    const error = { code: 'HW-SOURCE-001', message: 'm', hint: 'h' };
    current = { ...report, source: { ...report.source, state: 'failed', error } };
    const ready = await ask(open, '/readyz');
    assert.equal(ready.statusCode, 503);
    assert.match(ready.body, /HW-SOURCE-001/);
    assert.equal((await ask(open, '/livez')).statusCode, 200);
    current = report;
  });

  it('refuses a foreign Host or Origin, so that a page in a browser can read nothing', async () => {
    assert.equal((await ask(open, '/status', { host: 'evil.example' })).statusCode, 403);
    assert.equal((await ask(open, '/status', { host: '127.0.0.1.evil.example' })).statusCode, 403);
    assert.equal((await ask(open, '/status', { origin: 'http://evil.example' })).statusCode, 403);
    assert.equal((await ask(open, '/status', { host: 'headwater.internal:99' })).statusCode, 200);
    assert.equal((await ask(open, '/status', { host: 'localhost:1' })).statusCode, 200);
  });

  it('changes nothing by what only reads: no method but GET and HEAD', async () => {
    assert.equal((await ask(open, '/status', {}, 'POST')).statusCode, 405);
    assert.deepEqual(await ask(open, '/status', {}, 'HEAD'), { statusCode: 200, body: '' });
  });

  it('wants the token for everything but liveness and readiness', async () => {
    assert.equal((await ask(guarded, '/livez')).statusCode, 200);
    assert.equal((await ask(guarded, '/status')).statusCode, 401);
    assert.equal((await ask(guarded, '/metrics', { authorization: 'Bearer wrong' })).statusCode, 401);
    assert.equal((await ask(guarded, '/status', { authorization: 'Bearer opensesame' })).statusCode, 200);
  });

  it('names the address that cannot be had', async () => {
    const port = Number(new URL(open.url).port);
    const options = {
      host: '127.0.0.1',
      port,
      token: undefined,
      allowedHosts: [],
      status: () => Promise.resolve(report),
      lanes: [],
      replay: noReplay,
    };
    await assert.rejects(startHttpServer(options), { code: 'HW-SERVICE-001' });
  });
});
