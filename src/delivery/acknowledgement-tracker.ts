import { assertInvariant } from '../foundation/assert.ts';
import { type Checkpoint, compareCheckpoints } from './checkpoint.ts';

/** A unit of work that was taken and not yet acknowledged. */
export interface Ticket {
  /** Counts the units that were taken. */
  readonly number: number;
  readonly isAcknowledged: boolean;
}

interface OpenTicket extends Ticket {
  isAcknowledged: boolean;
  after: Checkpoint;
}

/**
 * Turns acknowledgements, which may come in any order, into the one checkpoint that is safe to keep: the end of the
 * contiguous acknowledged prefix. Pure; units are taken in journal order.
 *
 * I1  The checkpoint never passes a unit that is not acknowledged (architecture.md, invariant 6).
 * I2  The checkpoint never goes back.
 */
export class AcknowledgementTracker {
  #acknowledged: Checkpoint;
  #last: Checkpoint;
  /** Undefined before the head: what was passed, and must not be held. */
  #open: (OpenTicket | undefined)[] = [];
  #head = 0;
  /** Of the first in `#open`. */
  #firstNumber = 0;

  constructor(start: Checkpoint) {
    this.#acknowledged = start;
    this.#last = start;
  }

  /** Everything up to here took effect, or had nothing to take effect. */
  get acknowledged(): Checkpoint {
    return this.#acknowledged;
  }

  /** Units taken and not yet passed by the checkpoint, acknowledged ones behind a hole included. */
  get openCount(): number {
    return this.#open.length - this.#head;
  }

  /** Takes a unit; `after` is the checkpoint once it and everything before it took effect. */
  take(after: Checkpoint): Ticket {
    this.#moveLast(after);
    const ticket: OpenTicket = { number: this.#firstNumber + this.#open.length, isAcknowledged: false, after };
    this.#open.push(ticket);
    return ticket;
  }

  /** Passes what has no effect: filtered records, empty transactions. Free as soon as everything before it is acknowledged. */
  pass(after: Checkpoint): void {
    this.#moveLast(after);
    const last = this.#open.length > this.#head ? this.#open.at(-1) : undefined;
    if (last === undefined) this.#acknowledged = after;
    else last.after = after;
  }

  /** Notes that the unit took effect. Returns whether the checkpoint moved. */
  acknowledge(ticket: Ticket): boolean {
    const open = this.#find(ticket);
    assertInvariant(!open.isAcknowledged, 'a unit is acknowledged once');
    open.isAcknowledged = true;
    const before = this.#acknowledged;
    for (let next = this.#open[this.#head]; next?.isAcknowledged === true; next = this.#open[this.#head]) {
      this.#acknowledged = next.after;
      this.#open[this.#head] = undefined;
      this.#head += 1;
    }
    assertInvariant(compareCheckpoints(before, this.#acknowledged) <= 0, 'a checkpoint never goes back');
    this.#compact();
    return before !== this.#acknowledged;
  }

  #find(ticket: Ticket): OpenTicket {
    const open = this.#open[ticket.number - this.#firstNumber];
    assertInvariant(open !== undefined && open === ticket, 'an acknowledgement belongs to a unit that was taken');
    return open;
  }

  #moveLast(after: Checkpoint): void {
    assertInvariant(compareCheckpoints(this.#last, after) <= 0, 'units are taken in journal order');
    this.#last = after;
  }

  #compact(): void {
    if (this.#head < 1024 && this.#head < this.#open.length) return;
    this.#open = this.#open.slice(this.#head);
    this.#firstNumber += this.#head;
    this.#head = 0;
  }
}
