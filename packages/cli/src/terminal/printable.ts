/** Signs that a terminal acts on: all of C0 but tab and newline, DEL, and C1, of which some terminals take U+009B for ESC [. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/**
 * A text of which nothing moves the cursor, colours the screen or sets its title: prompts, models' names and messages come out of strangers'
 * files. Signs that would are written as in JSON, so that JSON stays the same.
 */
export function printable(text: string): string {
  return text.replace(controls, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A stream on which only {@link printable} texts are written; all else of it is the stream's own. */
export function printing<S extends NodeJS.WritableStream>(stream: S): S {
  const write = (data: string | Uint8Array, ...rest: []) =>
    stream.write(typeof data === "string" ? printable(data) : data, ...rest);
  return Object.create(stream, { write: { value: write } }) as S;
}
