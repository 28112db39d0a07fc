import { createHash } from "node:crypto";
import { InvalidRequestError } from "@latentkit/core";
import { refuse } from "../http-error.ts";
import type { SentFiles } from "../request/admit.ts";

/** What a key stands for. */
export interface KeyEntry {
  id: string;
  /** Of the order, so that a key is not used for two. */
  fingerprint: string;
  /** The job's id; it fails where the order was refused, and the key is free again. */
  job: Promise<string>;
  at: number;
}

const maxKeys = 100_000;

/** Keys of orders, by who gave them (the Idempotency-Key header): a repeated order finds the first one's job. */
export class IdempotencyKeys {
  readonly #entries = new Map<string, KeyEntry>();
  readonly #keepMs: number;

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** @throws InvalidRequestError for a key that is none; HttpError 422 for one that stands for another order. */
  take(
    owner: string,
    key: string,
    dialect: string,
    order: { input: unknown; files?: SentFiles | undefined },
  ): { entry: KeyEntry; isNew: boolean } {
    if (key.length === 0 || key.length > 255)
      throw new InvalidRequestError([{ field: "Idempotency-Key", message: "must have 1 to 255 characters" }]);
    this.#sweep();
    const id = `${owner}\n${dialect}\n${key}`;
    const fingerprint = fingerprintOf(order);
    const known = this.#entries.get(id);
    if (known === undefined) {
      const entry: KeyEntry = { id, fingerprint, job: Promise.resolve(""), at: Date.now() };
      this.#entries.set(id, entry);
      return { entry, isNew: true };
    }
    if (known.fingerprint !== fingerprint)
      throw refuse("idempotency", "This idempotency key stands for another request: use a new one for each.");
    return { entry: known, isNew: false };
  }

  /** Knows a key again that stood for a job before. */
  restore(entry: Omit<KeyEntry, "job">, job: string): void {
    if (entry.at > Date.now() - this.#keepMs) this.#entries.set(entry.id, { ...entry, job: Promise.resolve(job) });
  }

  forget(entry: KeyEntry): void {
    if (this.#entries.get(entry.id) === entry) this.#entries.delete(entry.id);
  }

  #sweep(): void {
    const oldest = Date.now() - this.#keepMs;
    for (const [id, { at }] of this.#entries) {
      if (at > oldest && this.#entries.size <= maxKeys) break;
      this.#entries.delete(id);
    }
  }
}

function fingerprintOf({ input, files }: { input: unknown; files?: SentFiles | undefined }): string {
  const hash = createHash("sha256").update(JSON.stringify(input) ?? "");
  for (const [field, bytes] of files ?? []) hash.update(`\n${field}\n`).update(bytes);
  return hash.digest("hex");
}
