/*
 * When to pause the socket between reads. The walsender writes each message by itself; whoever reads every byte at once is
 * woken for each of them and slows the walsender down by it. A pause of about a millisecond while the stream is busy gathers
 * many messages into one read: twice the rate at a fifth of the CPU. An idle stream must see its message at once, so the
 * pauses begin only after several reads in close succession or much data, and end when a pause gathered little.
 */

/** How the stream was read of late: whether reads are worth gathering, and the run of reads that decides it. */
export interface ReadHabit {
  readonly isBusy: boolean;
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
const pauseMs = 1;

/** Before the first read: not busy, so a lone transaction is read without delay. */
export const initialReadHabit: ReadHabit = {
  isBusy: false,
  runLength: 0,
  runByteCount: 0,
  lastReadMs: Number.NEGATIVE_INFINITY,
};

/** Decides how long to rest before the next read, so that a busy stream comes in few large reads and a quiet one at once. */
export function planNextRead(habit: ReadHabit, read: FinishedRead): ReadPlan {
  if (habit.isBusy) {
    const isBusy = read.byteCount >= byteCountOfIdle;
    const next = { isBusy, runLength: 0, runByteCount: 0, lastReadMs: read.nowMs };
    return { habit: next, pauseMs: isBusy && !read.isFull ? pauseMs : 0 };
  }
  const isClose = read.nowMs - habit.lastReadMs < closeSuccessionMs;
  const runLength = isClose ? habit.runLength + 1 : 1;
  const runByteCount = (isClose ? habit.runByteCount : 0) + read.byteCount;
  const isBusy = runLength >= runLengthOfBusy || runByteCount >= runByteCountOfBusy;
  return {
    habit: { isBusy, runLength, runByteCount, lastReadMs: read.nowMs },
    pauseMs: isBusy && !read.isFull ? pauseMs : 0,
  };
}
