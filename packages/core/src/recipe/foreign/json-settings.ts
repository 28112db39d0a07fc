import { RecipeError } from "../../errors/recipe-error.ts";
import { jsonFault } from "../json-bounds.ts";
import type { RecipeNote } from "../recipe-note.ts";

/** An object out of a file: its fields are had by type, and those that nobody asked for become notes. */
export class JsonSettings {
  readonly #values: Record<string, unknown>;
  readonly notes: RecipeNote[] = [];

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = { ...values };
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#values, key);
  }

  take(key: string): unknown {
    const value = this.#values[key];
    delete this.#values[key];
    return value ?? undefined;
  }

  text(key: string): string | undefined {
    const value = this.take(key);
    return typeof value === "string" && value !== "" ? value : undefined;
  }

  /** A number, or a text that is one. */
  number(key: string): number | undefined {
    const value = this.take(key);
    if (value === undefined || value === "") return undefined;
    const number = typeof value === "string" ? Number(value) : value;
    if (typeof number === "number" && !Number.isNaN(number)) return number;
    this.note(key, value, "is no number; it is left out");
    return undefined;
  }

  list(key: string): unknown[] {
    const value = this.take(key);
    return Array.isArray(value) ? value : [];
  }

  ignore(...keys: string[]): void {
    for (const key of keys) delete this.#values[key];
  }

  note(field: string, value: unknown, message: string): void {
    const text = textOf(value);
    const shown = text.length > 80 ? `${text.slice(0, 79)}…` : text;
    this.notes.push({ field, value: text, message: `${shown}: ${message}` });
  }

  /** Notes what was not asked for, leaving out what is empty, false or no more than its default. */
  leftover(): RecipeNote[] {
    for (const [key, value] of Object.entries(this.#values)) {
      const isEmpty = value === null || value === undefined || value === "" || value === false || value === "None";
      if (isEmpty || (Array.isArray(value) && value.length === 0)) continue;
      this.note(key, value, "has no counterpart in a request and is not followed");
    }
    return this.notes;
  }
}

/** A value out of JSON in words. An object may have a `toString` of its own, which is no function: it is never asked. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/**
 * An object in JSON; undefined where a text is none. Seeds above 2^53 keep their digits.
 *
 * @throws RecipeError for one that is larger or deeper than any settings are.
 */
export function parseJsonObject(text: string): Record<string, unknown> | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  const fault = jsonFault(text);
  if (fault !== undefined) throw new RecipeError(`The settings in this file are not read: ${fault}.`);
  try {
    const value: unknown = JSON.parse(text, keepDigits);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function keepDigits(_: string, value: unknown, context?: { source?: string }): unknown {
  const isInexact = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isInexact && context?.source !== undefined && /^\d+$/.test(context.source) ? context.source : value;
}
