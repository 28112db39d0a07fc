import { encodeImage } from "@latentkit/core";

const made = new Map<string, Promise<Uint8Array>>();

/** A picture of noise that follows from its seed: equal seeds give equal pixels. */
export function fakePicture(seed: string, width: number, height: number): Promise<Uint8Array> {
  const key = `${seed}/${width}/${height}`;
  const known =
    made.get(key) ?? encodeImage({ width, height, channels: 3, data: noise(seed, width * height * 3) }, "png");
  made.set(key, known);
  return known;
}

/** xorshift32, seeded by the text. */
function noise(seed: string, length: number): Uint8Array {
  let state = 2166136261;
  for (const char of seed) state = Math.imul(state ^ char.charCodeAt(0), 16777619) >>> 0;
  state ||= 1;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 255;
  });
}
