import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { reportApi } from './api-report.ts';

function report(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-api-test-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return reportApi(join(folder, 'index.d.ts'), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const lane =
  '/** A lane. */\nimport type { Batch } from "./batch.ts";\nexport interface Lane {\n    readonly batch: Batch;\n}\nexport declare function openLane(name: string): Lane;\nexport declare const defaultName: string;\ninterface Unseen {\n}\n';
const files = {
  'index.d.ts': 'export { openLane } from "./lane.ts";\nexport { defaultName as laneName } from "./lane.ts";\n',
  'lane.d.ts': lane,
  'batch.d.ts': '/** Rows. */\nexport type Batch = {\n    rowCount: number;\n};\n',
};

test('lists what users can name and whatever it mentions, without comments and without the rest', () => {
  assert.equal(
    report(files),
    [
      '// What users of this subpath can name.',
      '// laneName is\nconst defaultName: string;',
      'function openLane(name: string): Lane;',
      '// What those mention.',
      'type Batch = {\n    rowCount: number;\n};',
      'interface Lane {\n    readonly batch: Batch;\n}\n',
    ].join('\n\n'),
  );
});

test('changes when a type two steps away from the subpath changes', () => {
  const changed = { ...files, 'batch.d.ts': 'export type Batch = {\n    rowCount: bigint;\n};\n' };
  assert.notEqual(report(changed), report(files));
});

test('stays the same when only a comment or an unmentioned type changes', () => {
  const changed = { ...files, 'lane.d.ts': lane.replace('A lane.', 'One lane.').replace('Unseen', 'Hidden') };
  assert.equal(report(changed), report(files));
});

test('stays the same when only the wording of a text changes', () => {
  const withText = (text: string): string =>
    report({ 'index.d.ts': `export declare const a: {\n    why: '${text}';\n};\n` });
  assert.equal(withText('the disk is full'), withText('no space is left'));
  assert.notEqual(withText('full'), withText('stop'));
});
