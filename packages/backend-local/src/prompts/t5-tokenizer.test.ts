import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixture } from "../testing/test-model.ts";
import { TextTokenizer } from "./text-tokenizer.ts";

// Ids of transformers' own tokenizer: tools/oracle/t5_tokenizer.py. The folder's tokenizer.json lacks how texts are normalised, for its size.
const folder = fixture("families/flux1/tokenizer_2");
const json = async (file: string) => JSON.parse(await readFile(file, "utf8"));

const tokenizer = new TextTokenizer(
  { ...(await json(join(folder, "tokenizer.json"))), normalizer: { type: "Precompiled" } },
  await json(join(folder, "tokenizer_config.json")),
  { kind: "text", maxPositions: 512, vocabSize: 60 },
  folder,
);
const cases = (await json(fixture("tokenizer/t5.json"))) as { text: string; ids: number[] }[];

describe("T5's tokenizer", () => {
  test.each(cases)("$text", ({ text, ids }) => {
    expect(tokenizer.tokens(text)).toEqual(ids);
  });

  test("fills up with its first token", () => {
    expect(tokenizer.pad).toBe(0);
  });
});
