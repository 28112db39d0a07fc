import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { fixture } from "../testing/test-model.ts";
import { type ShippedTextTokenizer, shippedTextTokenizer } from "./shipped-text-tokenizer.ts";

// Ids of transformers' own tokenizers: tools/oracle/text_vocabularies.py.
type Case = Record<ShippedTextTokenizer, number[]> & { text: string };
const cases = JSON.parse(await readFile(fixture("tokenizer/shipped-texts.json"), "utf8")) as Case[];

describe.each([
  ["t5", 32_128, 0],
  ["qwen", 151_936, 151_643],
] as const)("the %s tokenizer that files without one get", (kind, vocabSize, pad) => {
  test("gives the published one's ids", async () => {
    const tokenizer = await shippedTextTokenizer(kind, { kind: "text", maxPositions: 512, vocabSize });
    expect(tokenizer.pad).toBe(pad);
    for (const each of cases) expect(tokenizer.tokens(each.text), each.text).toEqual(each[kind]);
  });
});
