import { describe, expect, it } from "vitest";
import { RecipeError } from "../../errors/recipe-error.ts";
import { readRecipe } from "../png-recipe.ts";
import corpus from "./fixtures/corpus.json" with { type: "json" };

interface Entry {
  id: string;
  tool: string;
  text: string;
  /** The request's fields; null is a field that must be absent. */
  want: Record<string, unknown>;
  /** The fields that notes must name, and no others. */
  notes: string[];
  model?: string;
  refused?: boolean;
}

/**
 * Sixty and more texts, each in the form in which its program writes them. What A1111's, Forge's and SD.Next's own readers make of their
 * texts was taken from these readers; what the other fields mean, from the programs' sources.
 */
describe("recipes of other programs", () => {
  const entries = corpus as Entry[];

  it("are sixty texts or more", () => {
    expect(entries.length).toBeGreaterThanOrEqual(60);
    expect(new Set(entries.map(({ id }) => id)).size).toBe(entries.length);
  });

  it.each(entries.filter(({ refused }) => !refused))("$id", async ({ tool, text, want, notes, model }) => {
    const recipe = await readRecipe(Buffer.from(text));
    expect(recipe.backend).toBe(tool);
    const request = recipe.request as Record<string, unknown>;
    for (const [field, value] of Object.entries(want)) {
      if (value === null) expect(request[field], field).toBeUndefined();
      else if (field === "seed") expect(String(request.seed)).toBe(String(value));
      else if (typeof value === "object") expect(request[field], field).toMatchObject(alike(value as object));
      else expect(request[field], field).toEqual(value);
    }
    expect([...new Set((recipe.notes ?? []).map(({ field }) => field))].sort()).toEqual([...notes].sort());
    for (const { message } of recipe.notes ?? []) expect(message.length).toBeGreaterThan(10);
    if (model !== undefined) expect(recipe.model?.id).toBe(model);
  });

  it.each(entries.filter(({ refused }) => refused))("$id is refused with the reason", async ({ text }) => {
    await expect(readRecipe(Buffer.from(text))).rejects.toThrow(RecipeError);
  });
});

/** A subseed is a number where it is exact. */
function alike(value: object): object {
  return "subseed" in value ? { ...value, subseed: Number(value.subseed) } : value;
}
