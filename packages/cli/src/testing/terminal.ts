import { Writable } from "node:stream";

/** What is written to a terminal that is none. */
export interface Terminal {
  stream: NodeJS.WriteStream;
  /** Takes what was written since it was last asked. */
  take(): string;
}

/** A stream that says it is a terminal, as what draws on one asks for it. */
export function makeTerminal({ columns = 80, rows = 24, colorDepth = 24 } = {}): Terminal {
  let text = "";
  const stream = new Writable({
    write(chunk, _, done) {
      text += String(chunk);
      done();
    },
  });
  Object.assign(stream, { isTTY: true, columns, rows, getColorDepth: () => colorDepth, hasColors: () => true });
  const take = () => {
    const taken = text;
    text = "";
    return taken;
  };
  return { stream: stream as unknown as NodeJS.WriteStream, take };
}
