import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** One message between the caller and its decoder: some facts, and bytes. */
export interface Frame {
  head: Record<string, unknown>;
  bytes: Uint8Array;
}

/** Writes a frame: the lengths of both parts (uint32, little-endian), the head as JSON, the bytes. Waits for a slow reader. */
export async function writeFrame(to: Writable, head: object, parts: readonly Uint8Array[] = []): Promise<void> {
  const json = Buffer.from(JSON.stringify(head));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(json.length, 0);
  lengths.writeUInt32LE(
    parts.reduce((sum, { length }) => sum + length, 0),
    4,
  );
  for (const part of [lengths, json, ...parts]) {
    if (part.length > 0 && !to.write(part)) await once(to, "drain");
  }
}

/** Reads frames. Bytes go straight into one buffer of their size: what is large is never held twice. */
export async function* readFrames(from: Readable): AsyncGenerator<Frame, void, void> {
  const source = new ByteSource(from);
  for (let lengths = await source.take(8); lengths !== undefined; lengths = await source.take(8)) {
    const json = await source.take(lengths.readUInt32LE(0));
    const bytes = await source.take(lengths.readUInt32LE(4));
    if (json === undefined || bytes === undefined) return;
    yield { head: JSON.parse(json.toString("utf8")) as Record<string, unknown>, bytes };
  }
}

/** A stream read by numbers of bytes. */
class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(from: Readable) {
    this.#chunks = (from as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes; undefined where the stream ends before. */
  async take(length: number): Promise<Buffer | undefined> {
    const taken = Buffer.allocUnsafeSlow(length);
    for (let filled = 0; filled < length; ) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) return undefined;
        this.#rest = next.value;
      }
      const copied = this.#rest.copy(taken, filled);
      this.#rest = this.#rest.subarray(copied);
      filled += copied;
    }
    return taken;
  }
}
