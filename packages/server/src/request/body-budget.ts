import { refuse } from "../http-error.ts";

/** Bytes that are held for requests, over all clients: a thousand of them at their limit would be no memory. */
export class BodyBudget {
  readonly #most: number;
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get held(): number {
    return this.#held;
  }

  /** @returns gives the bytes back; may be called twice. @throws HttpError 503 where there is no room now. */
  hold(bytes: number): () => void {
    if (this.#held + bytes > this.#most && this.#held > 0)
      throw refuse("busy", "The server holds as many inputs as it can: try again in a moment.");
    this.#held += bytes;
    let isHeld = true;
    return () => {
      if (isHeld) this.#held -= bytes;
      isHeld = false;
    };
  }
}
