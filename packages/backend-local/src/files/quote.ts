const longest = 200;

/** A value out of a file as a message may print it: a damaged file must not make a message of megabytes. */
export function quote(value: unknown): string {
  try {
    return clip(typeof value === "string" ? JSON.stringify(value.slice(0, longest)) : String(JSON.stringify(value)));
  } catch {
    // Nested too deeply to be written.
    return `a deeply nested ${typeof value}`;
  }
}

/** A text cut to 200 characters. */
export function clip(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}
