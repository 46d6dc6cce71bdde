import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';

/** A database file in a directory of its own, which goes with it. */
export class TestFile implements AsyncDisposable {
  readonly directory: string;
  readonly path: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.path = join(directory, 'mirror.db');
  }

  static async create(): Promise<TestFile> {
    return new TestFile(await mkdtemp(join(tmpdir(), 'headwater-sqlite-')));
  }

  /** Opens the file as somebody else does, for one use. */
  with<Result>(use: (database: DatabaseSync) => Result, path: string = this.path): Result {
    const database = new DatabaseSync(path, { timeout: 5000 });
    try {
      return use(database);
    } finally {
      database.close();
    }
  }

  execute(text: string): void {
    this.with((database) => database.exec(text));
  }

  /** The values of each row. Integers are bigints. */
  rows(text: string, path: string = this.path): readonly (readonly SQLOutputValue[])[] {
    return this.with((database) => {
      const statement = database.prepare(text);
      statement.setReadBigInts(true);
      return statement.all().map((row) => Object.values(row));
    }, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
