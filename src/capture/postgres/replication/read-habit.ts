/*
 * When to pause the socket between reads. The walsender writes each message by itself; whoever reads every byte at once is
 * woken for each of them and slows the walsender down by it. A pause of about a millisecond while the stream is busy gathers
 * many messages into one read: twice the rate at a fifth of the CPU. An idle stream must see its message at once, so the
 * pauses begin only after several reads in close succession or much data, and end when a pause gathered little.
 *
 * Under a flood a millisecond is too short. As long as the receiver's window and the sender's are open, every message of the
 * walsender goes out as a packet of its own, at a high cost for the walsender. Reads so far apart that a window fills leave
 * data in the sender's queue, where the next messages join it. At 8 ms that comes and goes by chance, at 32 ms it is the rule
 * (`docs/decisions/read-pauses.md`).
 * So the pause doubles while each millisecond brings much; what waits in a flood loses nothing by it.
 */

/** How the stream was read of late: whether reads are worth gathering, and the run of reads that decides it. */
export interface ReadHabit {
  readonly isBusy: boolean;
  /** How long the last pause was, while busy. */
  readonly pauseMs: number;
  /** What full reads have brought since that pause, while busy. */
  readonly gatheredByteCount: number;
  /** Reads in close succession, and their bytes. */
  readonly runLength: number;
  readonly runByteCount: number;
  readonly lastReadMs: number;
}

/** One read of the socket: when it ended, and how much it brought. */
export interface FinishedRead {
  readonly nowMs: number;
  readonly byteCount: number;
  /** The read filled its buffer, so the kernel holds more. */
  readonly isFull: boolean;
}

/** The habit to pass with the next read, and how long to wait before it. */
export interface ReadPlan {
  readonly habit: ReadHabit;
  /** 0: go on reading at once. */
  readonly pauseMs: number;
}

const closeSuccessionMs = 1;
const runLengthOfBusy = 8;
const runByteCountOfBusy = 32_768;
/** A pause that gathered less was not worth it. */
const byteCountOfIdle = 2048;
const pauseMsMin = 1;
const pauseMsMax = 32;
/** So many bytes for each millisecond of the last pause are a flood: some forty thousand small transactions a second. */
const floodBytesPerMs = 12_288;

/** Before the first read: not busy, so a lone transaction is read without delay. */
export const initialReadHabit: ReadHabit = {
  isBusy: false,
  pauseMs: pauseMsMin,
  gatheredByteCount: 0,
  runLength: 0,
  runByteCount: 0,
  lastReadMs: Number.NEGATIVE_INFINITY,
};

/** Whether much data keeps coming: more than a few commits that happen to come together. */
export function isFlood(habit: ReadHabit): boolean {
  return habit.pauseMs > pauseMsMin;
}

/** Decides how long to rest before the next read, so that a busy stream comes in few large reads and a quiet one at once. */
export function planNextRead(habit: ReadHabit, read: FinishedRead): ReadPlan {
  if (habit.isBusy) return planBusyRead(habit, read);
  const isClose = read.nowMs - habit.lastReadMs < closeSuccessionMs;
  const runLength = isClose ? habit.runLength + 1 : 1;
  const runByteCount = (isClose ? habit.runByteCount : 0) + read.byteCount;
  const isBusy = runLength >= runLengthOfBusy || runByteCount >= runByteCountOfBusy;
  return {
    habit: { ...initialReadHabit, isBusy, runLength, runByteCount, lastReadMs: read.nowMs },
    pauseMs: isBusy && !read.isFull ? pauseMsMin : 0,
  };
}

/** A pause is judged by all that it gathered, which may take several reads. */
function planBusyRead(habit: ReadHabit, read: FinishedRead): ReadPlan {
  const gatheredByteCount = habit.gatheredByteCount + read.byteCount;
  const lastReadMs = read.nowMs;
  if (read.isFull) return { habit: { ...habit, gatheredByteCount, lastReadMs }, pauseMs: 0 };
  if (gatheredByteCount < byteCountOfIdle) return { habit: { ...initialReadHabit, lastReadMs }, pauseMs: 0 };
  const hasMuch = gatheredByteCount >= habit.pauseMs * floodBytesPerMs;
  const pauseMs = hasMuch ? Math.min(habit.pauseMs * 2, pauseMsMax) : Math.max(habit.pauseMs / 2, pauseMsMin);
  return { habit: { ...initialReadHabit, isBusy: true, pauseMs, lastReadMs }, pauseMs };
}
