import { readdirSync, readFileSync } from 'node:fs';

/** What a tree of processes has used so far. */
export interface TreeUsage {
  /** User and system time of all processes of the tree, ended children included where their parent has reaped them. */
  readonly cpuSeconds: number;
  /** Highest sum of anonymous memory (RssAnon) over the tree at any sample. */
  readonly peakMemoryMb: number;
  /** Voluntary context switches of all threads while they were watched; of such as began meanwhile, since then. */
  readonly voluntarySwitches: number;
}

const sampleIntervalMs = 100;
/** USER_HZ, which Linux fixes at 100 for what it shows in /proc. */
const ticksPerSecond = 100;

/**
 * Watches a process and its descendants through /proc, ten times a second, until `end`. Linux only: elsewhere it throws,
 * since a figure without memory would not be comparable.
 */
export class ProcessTreeMeter {
  readonly #root: number;
  readonly #excluded: ReadonlySet<number>;
  readonly #timer: NodeJS.Timeout;
  readonly #cpuByPid = new Map<number, number>();
  readonly #cpuAtStart = new Map<number, number>();
  readonly #switchesAtFirst = new Map<number, number>();
  readonly #switchesAtLast = new Map<number, number>();
  #peakBytes = 0;

  constructor(root: number, excluded: readonly number[] = [], options: { readonly countsFromBirth?: boolean } = {}) {
    this.#root = root;
    this.#excluded = new Set(excluded);
    if (options.countsFromBirth !== true) {
      for (const pid of this.#pids()) this.#cpuAtStart.set(pid, cpuTicks(pid) ?? 0);
    }
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), sampleIntervalMs);
  }

  /** Takes the last sample and stops. */
  end(): TreeUsage {
    clearInterval(this.#timer);
    this.#sample();
    let ticks = 0;
    for (const [pid, used] of this.#cpuByPid) ticks += used - (this.#cpuAtStart.get(pid) ?? 0);
    let switches = 0;
    for (const [thread, count] of this.#switchesAtLast) switches += count - (this.#switchesAtFirst.get(thread) ?? 0);
    return {
      cpuSeconds: ticks / ticksPerSecond,
      peakMemoryMb: this.#peakBytes / 1e6,
      voluntarySwitches: switches,
    };
  }

  #sample(): void {
    let bytes = 0;
    for (const pid of this.#pids()) {
      const ticks = cpuTicks(pid);
      if (ticks !== undefined) this.#cpuByPid.set(pid, ticks);
      bytes += anonymousBytes(pid);
      this.#noteSwitches(pid);
    }
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
  }

  #noteSwitches(pid: number): void {
    for (const [thread, count] of voluntarySwitches(pid)) {
      if (!this.#switchesAtFirst.has(thread)) this.#switchesAtFirst.set(thread, count);
      this.#switchesAtLast.set(thread, count);
    }
  }

  #pids(): number[] {
    const children = new Map<number, number[]>();
    for (const name of readdirSync('/proc')) {
      const pid = Number(name);
      if (!Number.isInteger(pid)) continue;
      const parent = parentOf(pid);
      if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
    }
    const found: number[] = [];
    const queue = [this.#root];
    for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
      if (this.#excluded.has(pid)) continue;
      found.push(pid);
      queue.push(...(children.get(pid) ?? []));
    }
    return found;
  }
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // The process has ended meanwhile.
  }
}

/** The fields of /proc/PID/stat behind the name, which may itself hold blanks and brackets. */
function statFields(pid: number): readonly string[] | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function parentOf(pid: number): number | undefined {
  const field = statFields(pid)?.[1];
  return field === undefined ? undefined : Number(field);
}

function cpuTicks(pid: number): number | undefined {
  const fields = statFields(pid);
  if (fields === undefined) return undefined;
  return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
}

function anonymousBytes(pid: number): number {
  const match = /^RssAnon:\s+(\d+) kB$/m.exec(readProc(`/proc/${pid}/status`) ?? '');
  return Number(match?.[1] ?? 0) * 1024;
}

/** By thread. */
function voluntarySwitches(pid: number): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  let threads: string[] = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return counts; // The process has ended meanwhile.
  }
  for (const thread of threads) {
    const status = readProc(`/proc/${pid}/task/${thread}/status`);
    const match = /^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status ?? '');
    if (match !== null) counts.set(Number(thread), Number(match[1]));
  }
  return counts;
}
