import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { Lane } from '../delivery/lane.ts';
import { LaneStage } from '../testing/lane-stage.ts';
import { testEvent } from '../testing/memory-journal.ts';
import { RecordingStore } from '../delivery/testing/recording-sink.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { type HttpServer, startHttpServer } from '../service/http-server.ts';
import { parseCommandInput } from './command.ts';
import { parkedCommand } from './commands/parked.ts';
import { plainStyle } from './terminal.ts';

interface Said {
  readonly code: number;
  readonly text: string;
}

/** Lets everything that was to happen now happen. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('headwater parked', () => {
  let stage: LaneStage;
  let store: RecordingStore;
  let lane: Lane;
  let server: HttpServer;
  let isMended: boolean;

  beforeEach(async () => {
    stage = new LaneStage();
    store = new RecordingStore();
    isMended = false;
    store.script = ({ records }) =>
      !isMended && records.some(({ id }) => id === 'r1')
        ? { throw: new HeadwaterError('HW-SINK-007', 'the store refuses the record') }
        : 'take';
    stage.journal.append([testEvent('k', 'r1'), testEvent('k', 'r2'), testEvent('x', 'r3')]);
    lane = stage.lane({ sink: store.definition, onPoisoned: 'park' }, 'search');
    await lane.start();
    await lane.drain();
    server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      token: 'opensesame',
      allowedHosts: [],
      status: () => Promise.reject(new HeadwaterError('HW-INTERNAL-001', 'nobody asks')),
      lanes: [lane],
      replay: () => Promise.reject(new Error('no replay here')),
    });
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
  });

  async function run(...words: readonly string[]): Promise<Said> {
    const lines: string[] = [];
    const terminal = {
      out: (line: string) => void lines.push(line),
      note: () => undefined,
      progress: () => undefined,
      style: plainStyle,
      environment: { HEADWATER_HTTP_TOKEN: 'opensesame' },
    };
    const input = parseCommandInput(parkedCommand, [...words, '--url', server.url], {
      terminal,
      signal: new AbortController().signal,
    });
    const code = await parkedCommand.run(input);
    return { code, text: lines.join('\n') };
  }

  async function until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await turn();
  }

  it('lists what is parked with 3, and nothing with 0', async () => {
    const { code, text } = await run('list');
    assert.equal(code, 3);
    assert.match(text, /^search +r1 +k +test\.happened +HW-SINK-007 +1 +1 /m);
    const listed: unknown = JSON.parse((await run('list', '--json')).text);
    assert.deepEqual(Object.keys(listed as object), ['version', 'lanes']);
    lane.dropParked('r1', 'for this test');
    await until(() => lane.status().parkedRecordCount === 0);
    const after = await run('list');
    assert.equal(after.code, 0);
    assert.match(after.text, /nothing is parked\n1 record\(s\) were dropped/);
  });

  it('shows one with what waits behind it', async () => {
    const { code, text } = await run('show', 'r1');
    assert.equal(code, 0);
    assert.match(text, /behind +1 record\(s\)\n +r2 \(test\.happened\)/);
    const shown: unknown = JSON.parse((await run('show', 'r1', '--json')).text);
    assert.deepEqual(
      (shown as { waiting: { id: string }[] }).waiting.map(({ id }) => id),
      ['r2'],
    );
  });

  it('retries a record, and what waits behind it follows', async () => {
    isMended = true;
    assert.deepEqual(await run('retry', 'r1', '--json'), {
      code: 0,
      text: '{"version":1,"lanes":[{"lane":"search","count":1}]}',
    });
    await store.until(() => store.ids.includes('r2'));
    assert.deepEqual(store.ids, ['r3', 'r1', 'r2']);
  });

  it('drops with a reason and --yes only, and keeps the reason', async () => {
    await assert.rejects(run('drop', 'r1', '--yes'), { code: 'HW-SERVICE-004' });
    await assert.rejects(run('drop', 'r1', '--reason', 'a test order'), { code: 'HW-SERVICE-008', exitCode: 8 });
    assert.equal((await run('drop', 'r1', '--reason', 'a test order', '--yes')).code, 0);
    await store.until(() => store.ids.includes('r2'));
    assert.deepEqual(store.ids, ['r3', 'r2']);
    assert.match((await run('list', '--json')).text, /"reason":"a test order"/);
  });

  it('says what is not there with 4', async () => {
    await assert.rejects(run('retry', 'r2'), { code: 'HW-LANE-016', exitCode: 4 });
    await assert.rejects(run('list', '--lane', 'other'), { code: 'HW-SERVICE-005' });
  });
});

describe('POST /parked', () => {
  it('is refused without JSON, without the token, from another origin and with a body that says nothing', async () => {
    await using stage = new LaneStage();
    const lane = stage.lane({ sink: new RecordingStore().definition }, 'search');
    await using server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      token: 'opensesame',
      allowedHosts: [],
      status: () => Promise.reject(new HeadwaterError('HW-INTERNAL-001', 'nobody asks')),
      lanes: [lane],
      replay: () => Promise.reject(new Error('no replay here')),
    });
    const post = async (headers: Record<string, string>, body: string, method = 'POST'): Promise<number> => {
      const response = await fetch(new URL('/parked/retry', server.url), {
        method,
        headers,
        ...(method === 'POST' ? { body } : {}),
      });
      await response.text();
      return response.status;
    };
    const json = { 'content-type': 'application/json' };
    const allowed = { ...json, authorization: 'Bearer opensesame' };
    const body = JSON.stringify({ lane: 'search' });
    assert.equal(await post({ ...allowed, 'content-type': 'text/plain' }, body), 415);
    assert.equal(await post(json, body), 401);
    assert.equal(await post({ ...allowed, origin: 'http://evil.example' }, body), 403);
    assert.equal(await post(allowed, 'nothing'), 400);
    assert.equal(await post(allowed, JSON.stringify({ lane: 'other' })), 404);
    assert.equal(await post(allowed, JSON.stringify({ lane: 'search', id: 'r9' })), 404);
    assert.equal(await post(allowed, '', 'GET'), 405);
    assert.equal(await post(allowed, body), 200);
  });
});
