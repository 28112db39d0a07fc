/** A seeded source of choices (mulberry32): the same seed makes the same trials. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 and below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

/** A file with some of it changed: bits, stretches, ends, numbers that are far too large. */
export function mutated(file: Uint8Array, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(file);
  for (let i = random.below(4); i >= 0; i--) {
    const at = random.below(Math.max(1, random.next() < 0.5 ? Math.min(bytes.length, 128) : bytes.length));
    switch (random.below(6)) {
      case 0:
        if (bytes.length > 0) bytes[at] = bytes[at]! ^ (1 << random.below(8));
        break;
      case 1:
        bytes = bytes.subarray(0, at);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(64)), bytes.subarray(at)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.below(64))]);
        break;
      case 4:
        if (at + 4 <= bytes.length)
          bytes.writeUInt32BE(random.pick([0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 100_000]), at);
        break;
      default: {
        const from = random.below(bytes.length + 1);
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + 256), bytes.subarray(at)]);
      }
    }
  }
  return bytes;
}

const words = [
  "",
  "a",
  "image",
  "../../etc/passwd",
  "https://127.0.0.1/",
  "file:///etc/passwd",
  "data:,",
  "\u0000",
  "💥",
  "__proto__",
  "1e400",
  "x".repeat(5000),
];

/** JSON with some values replaced, removed, doubled or put elsewhere. */
export function mutatedJson(value: unknown, random: Random, depth = 0): unknown {
  if (random.next() < 0.03) return wildValue(random, depth);
  if (Array.isArray(value)) {
    const list = value.map((entry) => mutatedJson(entry, random, depth + 1));
    if (random.next() < 0.05) list.push(...list);
    return list;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(() => random.next() > 0.01);
  const changed: [string, unknown][] = entries.map(([key, entry]) => [
    random.next() < 0.01 ? random.pick(words) : key,
    mutatedJson(entry, random, depth + 1),
  ]);
  if (random.next() < 0.02) changed.push([random.pick(words), wildValue(random, depth)]);
  return Object.fromEntries(changed);
}

function wildValue(random: Random, depth: number): unknown {
  const plain = [null, true, 0, -1, 1e308, 2 ** 53, Number.MIN_VALUE, [], {}, random.pick(words), random.below(1000)];
  if (depth > 6 || random.next() < 0.7) return random.pick(plain);
  return random.next() < 0.5
    ? Array.from({ length: random.below(6) }, () => wildValue(random, depth + 1))
    : { [random.pick(words)]: wildValue(random, depth + 1) };
}
