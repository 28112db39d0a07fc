import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { a1111Chunks } from "./a1111-chunks.ts";
import { splitAtTokens } from "./added-tokens.ts";
import { comfyChunks } from "./comfy-chunks.ts";
import { type ShippedTokenizer, shippedTokenizer } from "./shipped-tokenizer.ts";

// What transformers makes of these texts with the published settings: tools/oracle/clip_vocabulary.py.
const file = new URL("../../fixtures/tokenizer/shipped.json", import.meta.url);
const fixture: { texts: string[] } & Record<ShippedTokenizer, number[][]> = JSON.parse(await readFile(file, "utf8"));

test.each(["clip-l", "openclip"] as const)("%s gives the ids of the published tokenizer", async (kind) => {
  const tokenizer = await shippedTokenizer(kind);
  expect(tokenizer).toMatchObject({ length: 77, begin: 49_406, end: 49_407, pad: kind === "clip-l" ? 49_407 : 0 });
  const whole = (row: number[]) => [...row, ...new Array(77 - row.length).fill(row.at(-1))];
  const found = fixture.texts.map((text) => ({ text, ids: [...tokenizer.encode(text).ids] }));
  expect(found).toEqual(fixture.texts.map((text, i) => ({ text, ids: whole(fixture[kind][i]!) })));
});

test("what is cut is told in words", async () => {
  const { cut } = (await shippedTokenizer("clip-l")).encode(`${"cat ".repeat(74)}photograph of an astronaut`);
  expect(cut).toBe("of an astronaut");
});

// With work that grows with the square of the length this would not end in the time that a test has.
test("long texts are read in one go", async () => {
  const tokenizer = await shippedTokenizer("clip-l");
  for (const unit of ["0123456789", "red apple ", "<|endoftext|> "]) {
    const once = tokenizer.tokens(unit);
    const found = tokenizer.tokens(unit.repeat(1_000_000 / unit.length));
    expect(found.length % once.length).toBe(0);
    expect(found.slice(0, once.length)).toEqual(once);
  }
  expect(tokenizer.tokens(`a${"\u0301\u0323".repeat(250_000)}`).length).toBeGreaterThan(100_000);
  expect(comfyChunks("7".repeat(1_000_000), tokenizer).chunks.length).toBe(Math.ceil(1_000_000 / 75));
  expect(a1111Chunks("7".repeat(1_000_000), tokenizer)).toHaveLength(Math.ceil(1_000_000 / 75));
});

test("an added token takes blanks and words beside it in one go as well", () => {
  const token = {
    id: 7,
    content: "<x>",
    lstrip: true,
    rstrip: true,
    singleWord: true,
    normalized: false,
    special: true,
  };
  const split = splitAtTokens(new Map([[7, token]]), ({ content }) => content);
  expect(split("a  <x> \u00a0b𝒳<x>c <x>")).toEqual(["a", 7, "b𝒳<x>c", 7]);
  expect(split(`${" ".repeat(100_000)}.`.concat("<x> ".repeat(100_000)))).toHaveLength(100_001);
});
