import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
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
