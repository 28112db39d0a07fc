// Taken once: a program's tests may put clocks of their own in their places.
const later = setTimeout;

/** So many jobs go on before the rest of the program has its turn: some milliseconds of work. */
export const atOnce = 8;

const waiting: (() => void)[] = [];
let gone = 0;
let isTimed = false;

/**
 * Waits until a job may go on, so that a thousand begun in one loop don't hold up the program: a few at a time, first come first served,
 * with the rest of the program between them. A job alone does not wait.
 */
export function fairStart(): Promise<void> | undefined {
  plan();
  if (gone < atOnce && waiting.length === 0) {
    gone++;
    return undefined;
  }
  return new Promise((resolve) => void waiting.push(resolve));
}

function plan(): void {
  if (isTimed) return;
  isTimed = true;
  later(() => {
    isTimed = false;
    const ready = waiting.splice(0, atOnce);
    gone = ready.length;
    for (const go of ready) go();
    if (waiting.length > 0 || gone > 0) plan();
  }, 0);
}
