import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyFixture, fixture } from "../testing/test-model.ts";
import { qwen3Template } from "./chat-template.ts";
import { readTextTokenizer } from "./text-tokenizer.ts";

// What transformers makes of the same texts with the same files: tools/oracle/text_tokenizer.py.
interface Case {
  text: string;
  ids: number[];
  thinking: number[];
  quick: number[];
}
const cases = JSON.parse(await readFile(fixture("tokenizer/text.json"), "utf8")) as Case[];
const folder = "families/z-image/tokenizer";
const limits = { kind: "text", maxPositions: 512, vocabSize: 1000 } as const;

test("texts and chats have transformers' ids", async () => {
  const tokenizer = await readTextTokenizer(fixture(folder), limits);
  for (const { text, ids, thinking, quick } of cases) {
    expect(tokenizer.tokens(text), text).toEqual(ids);
    for (const [chat, wanted] of [[true, thinking] as const, [false, quick] as const]) {
      const { before, after } = qwen3Template(chat);
      expect(tokenizer.tokens(`${before}${text}${after}`), text).toEqual(wanted);
    }
  }
});

test("vocab.json and merges.txt do as well, with the added tokens of tokenizer_config.json", async () => {
  const copy = await copyFixture(folder);
  const file = join(copy, "tokenizer.json");
  const { model, added_tokens } = JSON.parse(await readFile(file, "utf8"));
  await rm(file);
  const config = JSON.parse(await readFile(join(copy, "tokenizer_config.json"), "utf8"));
  const added_tokens_decoder = Object.fromEntries(added_tokens.map(({ id, ...token }: { id: number }) => [id, token]));
  await writeFile(join(copy, "vocab.json"), JSON.stringify(model.vocab));
  await writeFile(
    join(copy, "merges.txt"),
    `#version: 0.2\n${model.merges.map((m: string[]) => m.join(" ")).join("\n")}\n`,
  );
  await writeFile(join(copy, "tokenizer_config.json"), JSON.stringify({ ...config, added_tokens_decoder }));
  const tokenizer = await readTextTokenizer(copy, limits);
  for (const { text, ids } of cases) expect(tokenizer.tokens(text), text).toEqual(ids);
});

test("a token that the text encoder has no row for is named", async () => {
  const [pad] = cases.find(({ text }) => text.startsWith("<|endoftext|>"))!.ids;
  const tokenizer = await readTextTokenizer(fixture(folder), { ...limits, vocabSize: pad! + 1 });
  expect(() => tokenizer.tokens("<|im_start|>user")).toThrow(/im_start.*vocab_size is \d+/);
});

test("what is no tokenizer, or has no padding that it names, is refused by its file", async () => {
  const broken = await copyFixture(folder, { "tokenizer.json": { model: { type: "BPE" } } });
  await expect(readTextTokenizer(broken, limits)).rejects.toThrow(/tokenizer/);
  const padless = await copyFixture(folder, { "tokenizer_config.json": { pad_token: "<|nothing|>" } });
  await expect(readTextTokenizer(padless, limits)).rejects.toThrow(/pad_token: "<\|nothing\|>" is no token/);
});
