import { access, constants, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  HeadwaterError,
  isSameCheckpoint,
  type OutboundBatch,
  type OutboundRecord,
  type Sink,
  type SinkContext,
  type SinkDefinition,
  sinkFailure,
} from '../../src/sink.ts';

/*
 * A directory with one JSON document for each key, which holds the events of that key in order: the history of an order.
 *
 * Mechanism: idempotent by id. The id of an event stands in the same document as the event, and a rename replaces a document as a
 * whole, so that after a kill it has both or neither. An event whose id is there is left out. The checkpoint is replaced last, when
 * every document of the batch is durable: it is never ahead of the data, and what lies between the two comes again and is known.
 */

interface StoredDocument {
  readonly key: string;
  readonly events: readonly { readonly id: string; readonly type: string; readonly payload: unknown }[];
}

/** Describes the sink; opens nothing. The directory must exist: it may be a volume that is not mounted. */
export function documentSink(options: { readonly directory: string }): SinkDefinition {
  const { directory } = options;
  return {
    kind: 'documents',
    target: directory,
    unit: 'batch',
    accepts: (record) => record.kind === 'event',
    async open(context) {
      await explained(() => access(directory, constants.W_OK));
      return new DocumentSink(directory, context);
    },
  };
}

class DocumentSink implements Sink {
  readonly capabilities = { unit: 'batch', checkpointIn: 'sink', recordBytesMax: 1_048_576 } as const;
  readonly #directory: string;
  readonly #checkpointPath: string;

  constructor(directory: string, { installation, laneName }: SinkContext) {
    this.#directory = directory;
    // The name of a lane belongs to its checkpoint: another lane in the same directory begins at its own beginning.
    this.#checkpointPath = join(directory, `.checkpoint-${fileName(installation)}-${fileName(laneName)}`);
  }

  readCheckpoint(): Promise<Checkpoint | undefined> {
    return explained(async () => {
      const text = await readIfPresent(this.#checkpointPath);
      return text === undefined ? undefined : decodeCheckpoint(text);
    });
  }

  async write({ records, from, to }: OutboundBatch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const held = await this.readCheckpoint();
    if (held !== undefined && !isSameCheckpoint(held, from)) {
      throw new HeadwaterError('HW-SINK-008', `another writer moved the checkpoint in ${this.#directory}`);
    }
    await explained(async () => {
      for (const [key, added] of Map.groupBy(records, keyOf)) await this.#append(key, added);
      await flushDirectory(this.#directory);
      await replaceFile(this.#checkpointPath, encodeCheckpoint(to));
      await flushDirectory(this.#directory);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #append(key: string, added: readonly OutboundRecord[]): Promise<void> {
    const path = join(this.#directory, `${fileName(key)}.json`);
    const text = await readIfPresent(path);
    const document: StoredDocument = text === undefined ? { key, events: [] } : (JSON.parse(text) as StoredDocument);
    if (document.key !== key) throw sinkFailure('poison', 'the file system does not tell two keys apart');
    const ids = new Set(document.events.map(({ id }) => id));
    const events = [...document.events, ...added.filter(({ id }) => !ids.has(id)).map(toStoredEvent)];
    await replaceFile(path, JSON.stringify({ key, events }));
  }
}

function keyOf({ id, key }: OutboundRecord): string {
  if (key === null) throw sinkFailure('poison', `event ${id} has no key, so it belongs to no document`);
  return key;
}

function toStoredEvent({ id, record, value }: OutboundRecord): StoredDocument['events'][number] {
  if (record.kind !== 'event') throw sinkFailure('poison', `record ${id} is no event`);
  const { type, contentType, payload } = record.event;
  if (value !== undefined) return { id, type, payload: value };
  if (contentType !== 'application/json') throw sinkFailure('poison', `event ${id} is ${contentType}, not JSON`);
  return { id, type, payload: JSON.parse(new TextDecoder().decode(payload)) };
}

function fileName(name: string): string {
  return encodeURIComponent(name);
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** After a kill at any moment the file is the old one or the new one, whole. */
async function replaceFile(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

/** A rename is durable when its directory is. */
async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Says of each failure what the lane is to do: a code that fits, or `sinkFailure`. */
async function explained<Result>(body: () => Promise<Result>): Promise<Result> {
  try {
    return await body();
  } catch (thrown) {
    throw thrown instanceof HeadwaterError ? thrown : explain(thrown);
  }
}

function explain(thrown: unknown): HeadwaterError {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  switch (codeOf(thrown)) {
    case undefined:
      return sinkFailure('stop', text, { cause: thrown });
    case 'ENOENT':
      return new HeadwaterError('HW-SINK-006', text, { cause: thrown });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new HeadwaterError('HW-SINK-003', text, { cause: thrown });
    case 'ENAMETOOLONG':
      return sinkFailure('poison', text, { cause: thrown });
    default:
      return sinkFailure('retry', text, { cause: thrown });
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
