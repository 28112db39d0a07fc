/** Where pictures lie between workers and those who wait for them: bytes by key. */
export interface ObjectStore {
  /** Keys are letters, digits, dots, dashes and slashes; the same key always has the same bytes. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** @returns undefined where there is nothing, or no more. */
  get(key: string): Promise<Uint8Array | undefined>;
}
