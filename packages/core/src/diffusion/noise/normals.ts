import { webAssembly } from "../kernels/web-assembly.ts";
import { N } from "./mersenne-twister.ts";
import { type NormalKernels, normalModule } from "./normal-kernels.ts";

/** Below this many normals the plain loops are as fast, and give the same bits. */
const LEAST = 256;
/** Normals that are made at a time: they stay in the first-level cache. */
const CHUNK = 4096;
const CHUNK_AT = 4096;

interface Maker {
  kernels: NormalKernels;
  state: Uint32Array;
  chunk: Float32Array;
}

/** Undefined until the first use; null where there is no WebAssembly, or not allowed, or without vectors. */
let maker: Maker | null | undefined;

/**
 * Fills `out` up to `count`, a multiple of 16, with torch's normals, from the MT19937 state `words` of which `next` are used up. Gives how
 * many are then; nothing, and does nothing, where plain loops have to do it.
 */
export function fillNormals(out: Float32Array, count: number, words: Uint32Array, next: number): number | undefined {
  if (count < LEAST) return undefined;
  maker = maker === undefined ? makeMaker() : maker;
  if (!maker) return undefined;
  const { kernels, state, chunk } = maker;
  state.set(words);
  let used = next;
  for (let from = 0; from < count; from += CHUNK) {
    const size = Math.min(CHUNK, count - from);
    for (let filled = 0; filled < size; ) {
      if (used >= N) {
        kernels.twist();
        used = 0;
      }
      const taken = Math.min(N - used, size - filled);
      kernels.uniforms(4 * used, CHUNK_AT + 4 * filled, CHUNK_AT + 4 * (filled + taken));
      used += taken;
      filled += taken;
    }
    kernels.normals(CHUNK_AT, CHUNK_AT + 4 * size);
    out.set(size === CHUNK ? chunk : chunk.subarray(0, size), from);
  }
  words.set(state);
  return used;
}

function makeMaker(): Maker | null {
  try {
    const { Instance, Memory, Module } = webAssembly();
    const memory = new Memory({ initial: 1, maximum: 1 });
    const { exports } = new Instance(new Module(normalModule()), { kernels: { memory } });
    return {
      kernels: exports as unknown as NormalKernels,
      state: new Uint32Array(memory.buffer, 0, N),
      chunk: new Float32Array(memory.buffer, CHUNK_AT, CHUNK),
    };
  } catch {
    return null;
  }
}
