import { InvalidRequestError } from "../../errors/invalid-request-error.ts";
import { parseRequest } from "../../request/parse-request.ts";
import type { RecipeNote } from "../recipe-note.ts";

/** A request's fields before they are validated. */
export type Fields = Record<string, unknown>;

/**
 * Leaves out the fields that are not valid, with a note for each: one odd value must not lose all the others.
 *
 * @throws InvalidRequestError when the fault lies with no field that can be left out.
 */
export function keepValid(input: Fields): { fields: Fields; notes: RecipeNote[] } {
  const fields = { ...input };
  const notes: RecipeNote[] = [];
  while (true) {
    try {
      parseRequest(fields);
      return { fields, notes };
    } catch (error) {
      if (!InvalidRequestError.isInstance(error)) throw error;
      let left = 0;
      for (const { field, message } of error.issues) {
        const [name = ""] = field.split(/[.[]/);
        if (!Object.hasOwn(fields, name) || name === "prompt") continue;
        notes.push({ field, value: shown(fields[name]), message: `${message}; it is left out` });
        delete fields[name];
        left++;
      }
      if (left === 0) throw error;
    }
  }
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
