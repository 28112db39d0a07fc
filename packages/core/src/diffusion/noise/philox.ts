import { requireInteger } from "../invalid.ts";
import { philox4x32 } from "./philox-block.ts";
import { type Seed, seedWords } from "./seed.ts";

const f32 = Math.fround;
const TO_UNIT = f32(2.3283064e-10);
const HALF_UNIT = f32(2.3283064e-10 / 2);
const TO_ANGLE = f32(2.3283064e-10 * 6.2831855);
const HALF_ANGLE = f32((2.3283064e-10 * 6.2831855) / 2);

/** Threads of a block in torch's kernels that draw random numbers. */
const BLOCK = 256;
/** Normals that a thread makes of one Philox block. */
const UNROLL = 4;

/** What torch's kernels ask of a CUDA device, by the names of `torch.cuda.get_device_properties`. */
export interface CudaDevice {
  /** `multi_processor_count`: 128 of an RTX 4090, 108 of an A100. */
  multiProcessorCount: number;
  /** `max_threads_per_multi_processor`: 1536 of an RTX 4090, 2048 of an A100. */
  maxThreadsPerMultiProcessor: number;
}

/**
 * `torch.randn` on a CUDA device, made on the CPU: Philox4x32-10 (Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405) and
 * cuRAND's Box–Muller. Each thread of a launch has a stream of its own, so that what a draw gives depends on how many threads there are:
 * `min(⌈n / 256⌉, multiProcessorCount · ⌊maxThreadsPerMultiProcessor / 256⌋)` blocks of 256. A draw that fits is the same on all devices;
 * of a longer one (above 196 608 values on an RTX 4090) the numbers are the device's, which then must be given. Without a device each
 * value has a thread: what A1111 and ComfyUI call the NV source.
 *
 * The device computes with approximations, so values agree to about 1e-6.
 */
export class PhiloxGenerator {
  readonly #key: Uint32Array;
  /** Most threads that are launched at once. */
  readonly #resident: number;
  /** The counter that the next draw begins at, in each thread. */
  #counter = 0;

  /** @throws InvalidRequestError for a seed or a device that is none. */
  constructor(seed: Seed, device?: CudaDevice) {
    const { low, high } = seedWords(seed);
    this.#key = Uint32Array.of(low, high);
    this.#resident = device === undefined ? Number.POSITIVE_INFINITY : residentThreads(device);
  }

  /** `torch.randn(n, device="cuda")`. */
  randn(n: number): Float32Array {
    const out = new Float32Array(requireInteger("n", n, 0, 2 ** 31));
    if (n === 0) return out;
    const threads = Math.min(BLOCK * Math.ceil(n / BLOCK), this.#resident);
    const rounds = Math.ceil(n / (threads * UNROLL));
    const [block, counter] = [new Uint32Array(UNROLL), new Uint32Array(4)];
    for (let round = 0; round < rounds; round++) {
      counter[0] = this.#counter + round;
      const from = round * threads * UNROLL;
      for (let thread = 0; thread < Math.min(threads, n - from); thread++) {
        counter[2] = thread;
        philox4x32(block, counter, this.#key);
        for (let k = 0, i = from + thread; k < UNROLL && i < n; k++, i += threads) out[i] = normal(block, k);
      }
    }
    this.#counter += rounds;
    return out;
  }
}

/**
 * Threads that a device runs at once in torch's kernels: longer draws depend on the device.
 *
 * @throws InvalidRequestError for a device that is none.
 */
export function residentThreads({ multiProcessorCount, maxThreadsPerMultiProcessor }: CudaDevice): number {
  requireInteger("noise.device.multiProcessorCount", multiProcessorCount, 1, 4096);
  requireInteger("noise.device.maxThreadsPerMultiProcessor", maxThreadsPerMultiProcessor, BLOCK, 65_536);
  return multiProcessorCount * Math.floor(maxThreadsPerMultiProcessor / BLOCK) * BLOCK;
}

/** Of the four normals of a Philox block, the k-th: its pairs of words are radius and angle. */
function normal(block: Uint32Array, k: number): number {
  const pair = k < 2 ? 0 : 2;
  const u = f32(f32(block[pair]! * TO_UNIT) + HALF_UNIT);
  const v = f32(f32(block[pair + 1]! * TO_ANGLE) + HALF_ANGLE);
  const radius = f32(Math.sqrt(f32(-2 * f32(Math.log(u)))));
  return radius * f32(k % 2 === 0 ? Math.sin(v) : Math.cos(v));
}
