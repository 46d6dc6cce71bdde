/**
 * What was opened, to be closed in the opposite order, also when something fails on the way. (Node has a class for that from
 * version 24 on.)
 */
export class OpenedResources implements AsyncDisposable {
  readonly #closings: (() => PromiseLike<void>)[] = [];

  /** Takes a resource over, and gives it back for use. */
  use<Resource extends AsyncDisposable>(resource: Resource): Resource {
    this.#closings.push(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  /** Something else to be done at the end, before what was opened earlier is closed. */
  defer(closing: () => Promise<void>): void {
    this.#closings.push(closing);
  }

  /** Closes everything; the first failure is thrown once all have been tried. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closings.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
