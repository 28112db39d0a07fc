import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allPrompts, expandPrompt } from "./expand-prompt.ts";
import { readWildcards } from "./read-wildcards.ts";

const wildcards = { colors: ["red", "blue"], "animals/birds": ["{small|large} owl"], self: ["__self__"] };

describe("expandPrompt", () => {
  it("chooses by the seed alone, and each about as often as it should", () => {
    const template = "a {red|{light|dark} blue} __animals/birds__ in $\u007Bplace}";
    const options = { wildcards, variables: { place: "snow" } };
    expect(expandPrompt(template, { ...options, seed: 7 })).toBe(expandPrompt(template, { ...options, seed: "7" }));
    // Recorded: another machine, or a later version, must choose alike.
    expect([0, 1, 2, 3].map((seed) => expandPrompt("{a|b|c} {d|e}", { seed }))).toMatchInlineSnapshot(`
      [
        "a e",
        "a d",
        "b d",
        "a d",
      ]
    `);
    const counts = { red: 0, blue: 0 };
    for (let seed = 0; seed < 2000; seed++) counts[expandPrompt("{3::red|blue}", { seed }) as keyof typeof counts]++;
    expect(counts.red / 2000).toBeGreaterThan(0.71);
    expect(counts.red / 2000).toBeLessThan(0.79);
  });

  it("leaves plain words, escapes and lone signs as they are", () => {
    for (const text of ["a fox", "snake_case and __ and $5", "a | b", ""]) expect(expandPrompt(text)).toBe(text);
    expect(expandPrompt("\\{a\\|b\\} \\$ \\_ \\\\")).toBe("{a|b} $ _ \\");
    expect(expandPrompt("{|}")).toBe("");
  });

  it("gives every prompt", () => {
    expect(allPrompts("{a|b} {c|d}{|!}")).toEqual(["a c", "a c!", "a d", "a d!", "b c", "b c!", "b d", "b d!"]);
    expect(allPrompts("__colors__ __animals/birds__", { wildcards })).toEqual([
      "red small owl",
      "red large owl",
      "blue small owl",
      "blue large owl",
    ]);
    expect(() => allPrompts("{1|2|3|4|5|6|7|8|9|0}".repeat(6))).toThrow(/more than 100000/);
  });

  it.each([
    ["{a|b", /character 1 is never closed/],
    ["a}", /character 2 closes nothing/],
    ["$\u007Bwho}", /no variable "who"; there are: place/],
    ["__none__", /no list "none"; there are: colors/],
    ["__self__", /circle/],
    ["{0::a}", /weights/],
  ])("refuses %s", (template, message) => {
    const expand = () => expandPrompt(template, { wildcards, variables: { place: "x" } });
    expect(expand).toThrow(message);
    expect(expand).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });

  it("reads lists from a folder", async () => {
    const folder = await mkdtemp(join(tmpdir(), "latentkit-lists-"));
    await mkdir(join(folder, "animals"));
    await writeFile(join(folder, "colors.txt"), "\uFEFF# warm\r\nred\r\n\r\n  orange \r\n");
    await writeFile(join(folder, "animals", "birds.txt"), "owl\n");
    expect(await readWildcards(folder)).toEqual({ colors: ["red", "orange"], "animals/birds": ["owl"] });
    await rm(folder, { recursive: true });
    await expect(readWildcards(folder)).rejects.toMatchObject({ code: "not_found" });
  });
});
