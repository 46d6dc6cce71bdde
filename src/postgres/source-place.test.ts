import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { formatLsn, parseLsn } from '../model/lsn.ts';
import { KnownServers, settleLsn } from './source-place.ts';

const sizes = { walBlockByteCount: 8192n, walSegmentByteCount: 16_777_216n };

describe('the location of a token', () => {
  for (const [place, lsn, settled] of [
    ['in the middle of a page', '16/B374D848', '16/B374D848'],
    ['right behind the header of a page', '16/B374E018', '16/B374E000'],
    ['right behind the header of a segment', '16/B4000028', '16/B4000000'],
    ['where the header of a segment would end, on another page', '16/B4002028', '16/B4002028'],
    ['one word behind a header', '16/B374E020', '16/B374E020'],
  ] as const) {
    it(`${place} is where the last record can have ended at the latest`, () => {
      assert.equal(formatLsn(settleLsn(parseLsn(lsn), sizes)), settled);
    });
  }
});

describe('the facts of servers that were met', () => {
  const place = (backend: string | undefined, crash: string | null = '1.5', timeline: string | null = '00000003') => ({
    lsn: '0/1',
    timeline,
    crash,
    system: '7300000000000000001',
    block: '8192',
    segment: '16777216',
    backend,
  });

  it('are asked once for each process, and follow the process and not who asks', async () => {
    const servers = new KnownServers();
    let asked = 0;
    const find = (backend: string, timeline: string): Promise<unknown> =>
      servers
        .find(backend, async () => {
          asked += 1;
          return place(backend, '1.5', timeline);
        })
        .then((facts) => facts?.timeline);
    // As the transactions of one connection to a pooler are: on another process each, and behind a failover on another server.
    assert.equal(await find('71 2026-11-27 10:00:00.000001+00', '00000003'), 3);
    assert.equal(await find('71 2026-11-27 10:00:00.000002+00', '00000004'), 4);
    assert.equal(await find('71 2026-11-27 10:00:00.000001+00', '00000009'), 3);
    assert.equal(await find('72 2026-11-27 10:00:00.000001+00', '00000005'), 5);
    assert.equal(asked, 3);
  });

  it('are kept of no standby, of no other process, and not without the mark of the last crash', async () => {
    for (const row of [place('71 a', '1.5', null), place('72 a'), place(undefined), place('71 a', null), undefined]) {
      const servers = new KnownServers();
      let asked = 0;
      for (let round = 0; round < 2; round += 1) {
        await servers.find('71 a', async () => {
          asked += 1;
          return row;
        });
      }
      assert.equal(asked, 2);
    }
  });
});
