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
  }
}

/** A place in the line. */
export class Turn {
  /** How many stood before it on joining. */
  readonly position: number;
  readonly leave: () => void;
  readonly #begun = Promise.withResolvers<void>();

  constructor(position: number, leave: () => void) {
    this.position = position;
    this.leave = leave;
  }

  begin(): void {
    this.#begun.resolve();
  }

  /** @throws the signal's reason, when it aborts before the turn has come. */
  async wait(signal: AbortSignal): Promise<void> {
    await unlessAborted(this.#begun.promise, signal);
  }
}
