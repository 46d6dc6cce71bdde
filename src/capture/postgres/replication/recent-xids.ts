/** Transaction ids that ended last; 0 stands for none. */
export class RecentXids {
  readonly list: Uint32Array = new Uint32Array(recentXidCount);
  #count = 0;

  note(xid: number): void {
    this.list[this.#count++ % recentXidCount] = xid;
  }
}

/** Sessions that commit at once, with much to spare: PostgreSQL shows a transaction shortly after the stream has sent it. */
const recentXidCount = 8192;
