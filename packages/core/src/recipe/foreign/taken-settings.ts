import type { RecipeNote } from "../recipe-note.ts";

/** Values that set nothing. */
const nothing = new Set(["", "None", "False", "[]", "{}"]);

/** A file's settings, of which those that nobody took become notes: none is lost without a word. */
export class TakenSettings {
  readonly #settings: Map<string, string>;
  readonly #notes: RecipeNote[] = [];

  constructor(settings: ReadonlyMap<string, string>) {
    this.#settings = new Map(settings);
  }

  /** A setting's value, which then is followed. */
  take(...labels: string[]): string | undefined {
    let found: string | undefined;
    for (const label of labels) {
      found ??= this.#settings.get(label);
      this.#settings.delete(label);
    }
    return found;
  }

  peek(label: string): string | undefined {
    return this.#settings.get(label);
  }

  /** A setting that must be a number. */
  number(label: string, field: string): number | undefined {
    const text = this.take(label);
    if (text === undefined || text === "") return undefined;
    const value = Number(text);
    if (!Number.isNaN(value)) return value;
    this.note(field, text, "is no number; it is left out");
    return undefined;
  }

  note(field: string, value: string | undefined, message: string): void {
    const words = value === undefined ? message : `${short(value)}: ${message}`;
    this.#notes.push({ field, message: words, ...(value === undefined ? {} : { value }) });
  }

  /** The notes, with one for each setting that was not taken. */
  leftover(): RecipeNote[] {
    for (const [label, value] of this.#settings)
      if (!nothing.has(value)) this.note(label, value, "has no counterpart in a request and is not followed");
    this.#settings.clear();
    return this.#notes;
  }
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
