declare global {
  interface JSON {
    /** ECMAScript "JSON.parse source text access": a number written with all its digits. Node 22 and later. */
    rawJSON(text: string): unknown;
  }
}

/** JSON with bigints as whole numbers, all digits kept: a seed may have 64 bits. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) =>
    typeof entry === "bigint" ? JSON.rawJSON(entry.toString()) : entry,
  );
}
