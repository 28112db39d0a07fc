import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testing/test-model.ts";
import { readTokenizer } from "./prompt-tokenizer.ts";

// Ids that transformers' CLIPTokenizer gives with the same vocabulary: tools/oracle/tokenizer_cases.py.
const fixture = fileURLToPath(new URL("../../fixtures/tokenizer/", import.meta.url));
const cases = JSON.parse(await readFile(`${fixture}cases.json`, "utf8")) as { text: string; ids: number[] }[];

const shape = { maxPositions: 77, vocabSize: 49_408 };

const layouts: [string, string[]][] = [
  ["vocab.json and merges.txt", ["vocab.json", "merges.txt"]],
  ["tokenizer.json", ["tokenizer.json"]],
];
test.each(layouts)("%s gives transformers' ids", async (_, files) => {
  const tokenizer = await readTokenizer(await folderOf(files), shape);
  const found = cases.map(({ text }) => ({ text, ids: [...tokenizer.encode(text).ids] }));
  expect(found).toEqual(cases);
});

interface Folder {
  name: string;
  layouts: string[];
  files: Record<string, unknown>;
  length?: number;
  /** Rows that end before their last id repeats. */
  ids?: number[][];
  error?: string;
}
const { texts, folders } = JSON.parse(await readFile(`${fixture}folders.json`, "utf8")) as {
  texts: string[];
  folders: Folder[];
};

test.each(folders.flatMap((each) => each.layouts.map((layout) => [each.name, layout, each] as const)))(
  "settings files: %s, with %s",
  async (_, layout, { files, length, ids, error }) => {
    const folder = await folderOf(layout === "vocab.json" ? ["vocab.json", "merges.txt"] : [layout]);
    for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), JSON.stringify(content));
    if (error !== undefined) return expect(readTokenizer(folder, shape)).rejects.toMatchObject({ code: "model" });
    const tokenizer = await readTokenizer(folder, shape);
    expect(tokenizer.length).toBe(length);
    const whole = (row: number[]) => [...row, ...new Array(length! - row.length).fill(row.at(-1))];
    const found = texts.map((text) => ({ text, ids: [...tokenizer.encode(text).ids] }));
    expect(found).toEqual(texts.map((text, i) => ({ text, ids: whole(ids![i]!) })));
  },
);

test("what no longer fits is told", async () => {
  const tokenizer = await readTokenizer(await folderOf(["tokenizer.json"]), { ...shape, maxPositions: 8 });
  expect(tokenizer.length).toBe(8);
  expect(tokenizer.encode("dog dog").cut).toBeUndefined();
  const { ids, cut } = tokenizer.encode("in on of the in on of the red");
  expect(ids).toHaveLength(8);
  expect(cut).toBe("of the red");
});

test("the tokenizer's own limit and padding are followed", async () => {
  const folder = await folderOf(["tokenizer.json"]);
  await writeFile(
    join(folder, "tokenizer_config.json"),
    JSON.stringify({ model_max_length: 5, pad_token: { content: "!", lstrip: false } }),
  );
  const vocab = JSON.parse(await readFile(`${fixture}vocab.json`, "utf8"));
  const { ids } = (await readTokenizer(folder, shape)).encode("the");
  expect([...ids]).toEqual([
    vocab["<|startoftext|>"],
    vocab["the</w>"],
    vocab["<|endoftext|>"],
    vocab["!"],
    vocab["!"],
  ]);
});

test("a limit that is no whole number is rounded down, one that is no limit is none", async () => {
  const folder = await folderOf(["tokenizer.json"]);
  for (const [limit, length] of [
    [10.5, 10],
    [1e30, 77],
    [null, 77],
  ]) {
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ model_max_length: limit }));
    expect((await readTokenizer(folder, shape)).length).toBe(length);
  }
  for (const limit of [2, -1, "77"]) {
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ model_max_length: limit }));
    await expect(readTokenizer(folder, shape)).rejects.toMatchObject({
      details: { file: join(folder, "tokenizer_config.json"), option: "model_max_length" },
    });
  }
});

test.each(layouts)("%s with ids that the text encoder lacks is refused", async (_, files) => {
  const folder = await folderOf(files);
  const ids = Object.values(JSON.parse(await readFile(`${fixture}vocab.json`, "utf8")) as Record<string, number>);
  const vocabSize = Math.max(...ids) + 1;
  await expect(readTokenizer(folder, { ...shape, vocabSize })).resolves.toBeDefined();
  await expect(readTokenizer(folder, { ...shape, vocabSize: vocabSize - 1 })).rejects.toMatchObject({
    message: expect.stringContaining(`vocab_size is ${vocabSize - 1}`),
    details: { file: join(folder, files[0]!) },
  });
});

test.each([
  ["no merges", { "vocab.json": "{}" }, "merges.txt"],
  ["a vocabulary without the special tokens", { "vocab.json": '{"a":0}', "merges.txt": "a b\n" }, ""],
  ["merges that are none", { "merges.txt": "a b c\n", "vocab.json": "" }, "merges.txt"],
  ["a tokenizer.json that is none", { "tokenizer.json": "{}" }, "tokenizer.json"],
])("%s is a ModelError naming the file", async (_, changes, file) => {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(changes)) {
    if (text === "") await cp(`${fixture}${name}`, join(folder, name));
    else await writeFile(join(folder, name), text);
  }
  await expect(readTokenizer(folder, shape)).rejects.toMatchObject({
    code: "model",
    details: { file: file === "" ? folder : join(folder, file) },
  });
});

async function folderOf(files: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  for (const file of files) await cp(`${fixture}${file}`, join(folder, file));
  return folder;
}
