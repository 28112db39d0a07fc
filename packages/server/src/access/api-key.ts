import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const hashPattern = /^sha256:[0-9a-f]{64}$/;

/** Whether a text is the hash of a key. */
export function isKeyHash(text: string): boolean {
  return hashPattern.test(text);
}

/** A fresh key: 256 random bits. It is shown once; a configuration keeps {@link hashApiKey} of it. */
export function newApiKey(): string {
  return `lk-${randomBytes(32).toString("base64url")}`;
}

/** What a configuration keeps of a key. A key has 256 random bits, so that a plain SHA-256 cannot be searched through. */
export function hashApiKey(key: string): string {
  return `sha256:${createHash("sha256").update(key).digest("hex")}`;
}

/** The keys of a server. */
export class KeyRing {
  readonly #keys: readonly { name: string; hash: Buffer }[];

  constructor(hashes: readonly string[] | Readonly<Record<string, string>>) {
    const named = Array.isArray(hashes) ? hashes.map((hash, i) => [`key-${i + 1}`, hash]) : Object.entries(hashes);
    this.#keys = named.map(([name, hash]) => ({ name: name!, hash: bytesOf(hash!) }));
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /** Name of the key that was shown, or undefined. Every key is compared, in constant time: nothing is told by how long it takes. */
  nameOf(shown: string): string | undefined {
    const hash = bytesOf(hashApiKey(shown));
    let found: string | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.hash, hash)) found = key.name;
    return found;
  }
}

function bytesOf(hash: string): Buffer {
  return Buffer.from(hash.slice("sha256:".length), "hex");
}
