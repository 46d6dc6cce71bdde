import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

import { journalSuite } from '../journal.suite.ts';
import { meanGround, nodeGround, openEmbeddedEngine } from './testing/embedded-engine.ts';

const scratch = await mkdtemp(join(tmpdir(), 'headwater-journal-'));
after(() => rm(scratch, { recursive: true }));
let journalCount = 0;

journalSuite("the machine's disk", () => openEmbeddedEngine(nodeGround(join(scratch, String((journalCount += 1))))));
journalSuite('a mean disk', () => openEmbeddedEngine(meanGround((journalCount += 1))));
