type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const json = JSON as unknown as { parse(text: string, reviver: Reviver): unknown; rawJSON(text: string): unknown };

/** Parses as Python does: whole numbers of any size stay exact. */
export function parsePython(text: string): unknown {
  return json.parse(text, (_, value, { source }) =>
    typeof value === "number" && source !== undefined && /^-?\d+$/.test(source) && !Number.isSafeInteger(value)
      ? BigInt(source)
      : value,
  );
}

/** Writes as Python does: whole numbers of any size. */
export function stringifyPython(value: unknown): string {
  return JSON.stringify(value, (_, entry) => (typeof entry === "bigint" ? json.rawJSON(entry.toString()) : entry));
}
