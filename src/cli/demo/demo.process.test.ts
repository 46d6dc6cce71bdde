import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';

import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { isProcessRunning, listDescendants, readProcessIdentity } from '../../postgres/process-identity.ts';
import { type CommittedStep, countDamage, damageKinds, type Effect, hasDamage, orderSteps } from './damage.ts';
import { createDemoPlan, demoScale } from './demo-plan.ts';
import type { ActReport, DemoReport } from './demo-report.ts';

/** The demo as a user starts it, in a temporary directory of its own, in which nothing may be left. */
class StartedDemo implements AsyncDisposable {
  readonly scratch: string;
  readonly child: ChildProcess;
  readonly stdout: Promise<string>;
  readonly exited: Promise<unknown[]>;

  private constructor(scratch: string, words: readonly string[]) {
    this.scratch = scratch;
    this.child = spawn(process.execPath, [join(import.meta.dirname, '../main.ts'), 'demo', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: scratch },
    });
    assert.ok(this.child.stdout !== null);
    this.stdout = text(this.child.stdout);
    this.exited = once(this.child, 'close');
  }

  static async start(...words: readonly string[]): Promise<StartedDemo> {
    const scratch = await mkdtemp(join(tmpdir(), 'demo-test-'));
    await chmod(scratch, 0o755);
    return new StartedDemo(scratch, words);
  }

  /** Another one in the same temporary directory. */
  next(...words: readonly string[]): StartedDemo {
    return new StartedDemo(this.scratch, words);
  }

  /** Resolves when the progress on stderr says this. */
  sees(words: string): Promise<void> {
    return new Promise((resolve, reject) => {
      let seen = '';
      // A listener, no iterator: leaving that would close the pipe under the demo.
      this.child.stderr?.on('data', (part: Buffer) => {
        seen += String(part);
        if (seen.includes(words)) resolve();
      });
      void this.exited.then(() => reject(new Error(`the demo ended without "${words}": ${seen}`)));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
    await rm(this.scratch, { recursive: true, force: true });
  }
}

describe('headwater demo', () => {
  it('does damage in act 1 and none in acts 2 and 3, as the stores themselves say', { timeout: 240_000 }, async () => {
    const seed = 42;
    await using demo = await StartedDemo.start('--assert', '--seed', String(seed), '--json');
    demo.child.stderr?.resume();
    const [code] = await demo.exited;
    const lines = (await demo.stdout).trimEnd().split('\n');
    const report = JSON.parse(lines.at(-1) ?? '') as DemoReport;
    const counts = report.acts.map(
      ({ act, stores }) =>
        `${act}: ${JSON.stringify(stores, (key, value: unknown) => (key === 'ids' ? undefined : value))}`,
    );
    assert.equal(code, 0, counts.join('\n'));
    assert.equal(lines.length, 1, 'stdout belongs to the one object');
    assert.equal(report.version, 1);
    assert.equal(report.seed, seed);
    assert.equal(report.ok, true);
    assert.deepEqual(
      report.acts.map(({ act }) => act),
      [1, 2, 3],
    );
    for (const act of report.acts) assertRecountable(act);
    const [naive, emitting, outage] = report.acts;
    assert.ok(Object.values(naive?.stores ?? {}).some(hasDamage), 'act 1 did damage');
    for (const act of [emitting, outage]) {
      assert.ok((act?.committed.length ?? 0) > 0, 'orders were taken');
      for (const store of Object.values(act?.stores ?? {})) {
        assert.deepEqual(
          damageKinds.map((kind) => store.ids[kind]),
          [[], [], [], []],
        );
        assert.equal(store.delivered, act?.committed.length);
      }
    }
    assert.deepEqual(report.kills, {
      'order service': demoScale.orderServiceKillCount * 2,
      headwater: demoScale.headwaterKillCount,
    });
    assertKilledAlike(naive, emitting, seed);
    assert.ok((outage?.outage?.latency.during.requests ?? 0) > 0, 'orders are taken while no store answers');
    assert.ok(report.firstEventSeconds < 15, `first event after ${report.firstEventSeconds} s`);
    assert.ok(report.totalSeconds > report.firstEventSeconds);
    assert.deepEqual(await readdir(demo.scratch), [], 'nothing is left');
  });

  for (const end of ['SIGINT', 'SIGKILL'] as const) {
    it(`leaves no process behind after ${end}`, { timeout: 60_000 }, async () => {
      await using demo = await StartedDemo.start('--seed', '7', '--json');
      await demo.sees('act 1');
      const pids = await listDescendants(demo.child.pid ?? 0);
      const identities = (await Promise.all(pids.map(readProcessIdentity))).filter((found) => found !== undefined);
      assert.ok(identities.length > 5, 'PostgreSQL, the receiver and the order service run');
      demo.child.kill(end);
      const [code, signal] = await demo.exited;
      assert.deepEqual([code, signal], end === 'SIGINT' ? [130, null] : [null, 'SIGKILL']);
      // After a SIGKILL the guards and the closed pipes end the others, a moment later.
      await waitUntil('nothing that it started runs', async () => {
        return !(await Promise.all(identities.map(isProcessRunning))).some(Boolean);
      });
      if (end === 'SIGINT') return assert.deepEqual(await readdir(demo.scratch), []);
      // The directory of a killed demo goes with the next one, even with one that cannot start.
      await using next = demo.next('--url', 'postgres://nobody@127.0.0.1:1/none');
      await next.exited;
      assert.deepEqual(await readdir(demo.scratch), []);
    });
  }

  it('refuses what it does not know, and says what it needs', async () => {
    const cases = [
      { words: ['--with', 'redis'], code: 2, says: 'HW-SERVICE-004' },
      { words: ['--seed', 'x'], code: 2, says: 'HW-SERVICE-004' },
      { words: ['--with', 'kafka'], code: 4, says: 'HW-DEMO-003' },
      { words: ['--url', 'postgres://nobody@127.0.0.1:1/none'], code: 6, says: 'HW-SOURCE-002' },
    ];
    for (const { words, code, says } of cases) {
      await using demo = await StartedDemo.start(...words);
      await demo.sees(says);
      assert.equal((await demo.exited)[0], code, words.join(' '));
      assert.deepEqual(await readdir(demo.scratch), []);
    }
  });
});

/** The report holds enough for a reader to count everything again. */
function assertRecountable({ committed, stores }: ActReport): void {
  assert.deepEqual(Object.keys(stores), ['receiver', 'reports']);
  for (const { ids, ...numbers } of Object.values(stores)) {
    const effects: Effect[] = ids.effects.map((id, index) => ({ ...parseStep(id), eventId: String(index) }));
    assert.deepEqual(countDamage(committed.map(parseStep), effects), { ...numbers, ids });
  }
}

function parseStep(id: string): CommittedStep {
  const [orderId = '', name = ''] = id.split('/');
  const step = orderSteps.find((candidate) => candidate === name);
  assert.ok(step !== undefined, id);
  return { orderId, step };
}

function assertKilledAlike(naive: ActReport | undefined, emitting: ActReport | undefined, seed: number): void {
  const plan = createDemoPlan(seed);
  const timesOf = (report: ActReport | undefined, program: string): number[] =>
    (report?.kills ?? []).filter((kill) => kill.program === program).map(({ atMs }) => atMs);
  assert.deepEqual(timesOf(naive, 'order service'), plan.orderServiceKillsMs);
  assert.deepEqual(timesOf(emitting, 'order service'), plan.orderServiceKillsMs);
  assert.deepEqual(timesOf(emitting, 'headwater'), plan.headwaterKillsMs);
}
