import { Buffer as Own } from "buffer/";

/** Node's Buffer, or one that works anywhere: put into the build for browsers wherever `Buffer` stands. */
const Here: typeof globalThis.Buffer = globalThis.Buffer ?? (Own as unknown as typeof globalThis.Buffer);

export { Here as Buffer };
