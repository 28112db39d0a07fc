const XSHIFT = 16;

/**
 * `numpy.random.SeedSequence(entropy, spawn_key, pool_size).generate_state(n)`: 32-bit words from a seed and a key, by O'Neill's
 * seed_seq_fe (https://www.pcg-random.org/posts/developing-a-seed_seq-alternative.html).
 */
export function seedSequence(entropy: bigint, spawnKey: readonly number[], poolSize: number, n: number): Uint32Array {
  const words = wordsOf(entropy);
  if (spawnKey.length > 0) {
    // Padding keeps a long seed apart from a short one with a key.
    while (words.length < poolSize) words.push(0);
    for (const key of spawnKey) words.push(...wordsOf(BigInt(key)));
  }
  return generate(mixPool(words, poolSize), n);
}

function mixPool(words: readonly number[], poolSize: number): Uint32Array {
  let constant = 0x43b0d7e5;
  const hash = (value: number) => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, 0x931e8875);
    const product = Math.imul(mixed, constant);
    return product ^ (product >>> XSHIFT);
  };
  const pool = new Uint32Array(poolSize);
  for (let i = 0; i < poolSize; i++) pool[i] = hash(words[i] ?? 0);
  for (let source = 0; source < poolSize; source++)
    for (let i = 0; i < poolSize; i++) if (i !== source) pool[i] = mix(pool[i]!, hash(pool[source]!));
  for (const word of words.slice(poolSize)) for (let i = 0; i < poolSize; i++) pool[i] = mix(pool[i]!, hash(word));
  return pool;
}

function mix(x: number, y: number): number {
  const result = Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y);
  return result ^ (result >>> XSHIFT);
}

function generate(pool: Uint32Array, n: number): Uint32Array {
  let constant = 0x8b51f9dd;
  return Uint32Array.from({ length: n }, (_, i) => {
    const mixed = pool[i % pool.length]! ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    const product = Math.imul(mixed, constant);
    return product ^ (product >>> XSHIFT);
  });
}

/** A whole number's 32-bit words, lowest first; 0 is one word. */
function wordsOf(value: bigint): number[] {
  const words: number[] = [];
  for (let rest = value; rest > 0n || words.length === 0; rest >>= 32n) words.push(Number(rest & 0xffff_ffffn));
  return words;
}
