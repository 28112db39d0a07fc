import { unlessAborted } from "./unless-aborted.ts";

/** First come, first served: one holder at a time. */
export class Turns {
  readonly #line: Turn[] = [];

  /** Joins the line. `leave` must be called whatever happens. */
  join(): Turn {
    const turn = new Turn(this.#line.length, () => this.#leave(turn));
    this.#line.push(turn);
    if (turn.position === 0) turn.begin();
    return turn;
  }

  #leave(turn: Turn): void {
    const at = this.#line.indexOf(turn);
    if (at < 0) return;
    this.#line.splice(at, 1);
    if (at === 0) this.#line[0]?.begin();
    for (const [i, other] of this.#line.entries()) other.moveTo(i);
  }

  /** Whether nobody is in the line. */
  get empty(): boolean {
    return this.#line.length === 0;
  }
}

/** Nearer than this each step forward is told, farther only every so many. */
const toldOneByOne = 16;

/** A place in the line. */
export class Turn {
  readonly leave: () => void;
  #position: number;
  #moved = Promise.withResolvers<void>();
  readonly #begun = Promise.withResolvers<void>();

  constructor(position: number, leave: () => void) {
    this.#position = position;
    this.leave = leave;
  }

  /** How many stand before it. */
  get position(): number {
    return this.#position;
  }

  moveTo(position: number): void {
    this.#position = position;
    // In a long line not every step of everyone is told to everyone.
    if (position > toldOneByOne && position % toldOneByOne !== 0) return;
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  /** Each new position, until the turn has come. @throws the signal's reason, when it aborts before. */
  async *moves(signal: AbortSignal): AsyncGenerator<number> {
    let told = this.#position;
    while (told > 0) {
      if (told === this.#position) await unlessAborted(this.#moved.promise, signal);
      if (told === this.#position) continue;
      told = this.#position;
      yield told;
    }
  }

  begin(): void {
    this.#begun.resolve();
  }

  /** @throws the signal's reason, when it aborts before the turn has come. */
  async wait(signal: AbortSignal): Promise<void> {
    await unlessAborted(this.#begun.promise, signal);
  }
}
