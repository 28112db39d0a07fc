import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type PromptSyntax, parseRequest } from "@latentkit/core";
import { expect, test } from "vitest";
import { LoadedModel } from "../../engine/loaded-model.ts";
import { loadRuntime } from "../../engine/runtime.ts";
import { readSafetensors } from "../../files/safetensors.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { type Steering, steeringOf } from "../../prompts/steering.ts";
import { groupChunks } from "../../prompts/text-chunks.ts";
import { copyModel } from "../../testing/test-model.ts";
import { encodeTexts } from "./encode-texts.ts";

// What A1111's and ComfyUI's own code makes of these prompts with the same text encoders: tools/oracle/prompt_syntaxes.py.
interface Case {
  model: string;
  pad: string;
  syntax: Exclude<PromptSyntax, "plain">;
  clipSkip: number;
  texts: string[];
  /** By text: the ids and weights of each chunk, up to where the last repeats. */
  chunks: [ids: number[], weights: number[]][][];
}
const fixture = fileURLToPath(new URL("../../../fixtures/prompts/encoded", import.meta.url));
const cases: Case[] = JSON.parse(await readFile(`${fixture}.json`, "utf8"));
const bytes = await readFile(`${fixture}.safetensors`);
const { tensors } = await readSafetensors(`${fixture}.safetensors`);
const runtime = await loadRuntime({ device: "cpu", threads: 1 });

const signal = new AbortController().signal;
const encoder = (clipSkip: number) => ({
  network: "textEncoder",
  tokenizer: "tokenizer",
  states: () => (clipSkip > 1 ? `clip_skip.${clipSkip - 1}` : "last_hidden_state"),
});

/** A job of some texts that are encoded together. */
function together(texts: readonly string[], syntax: PromptSyntax): Steering {
  const steering = steeringOf(parseRequest({ prompt: "", promptSyntax: syntax }), {
    steps: 1,
    run: 1,
    sampler: "euler",
    guided: false,
  });
  const group = { ...steering.groups[0]!, texts, counts: texts.map(() => 1) };
  const rows = texts.map((_, text) => ({ negative: false, parts: [{ group: 0, text }], beside: [] }));
  return { ...steering, groups: [group], rows };
}

async function open(name: string, pad = "<|endoftext|>") {
  const folder = await copyModel(name);
  const map = `${folder}/tokenizer/special_tokens_map.json`;
  await writeFile(map, JSON.stringify({ ...JSON.parse(await readFile(map, "utf8")), pad_token: pad }));
  return new LoadedModel(await readModelFolder(folder), runtime);
}

test("chunks, weights and states are those of A1111 and ComfyUI", async () => {
  const models = { sd1: await open("sd1"), sd2: await open("sd2", "!") } as Record<string, LoadedModel>;
  for (const [i, { model: name, syntax, clipSkip, texts, chunks }] of cases.entries()) {
    const model = models[name]!;
    const about = `${i}: ${name}, ${syntax}, ${JSON.stringify(texts).slice(0, 80)}`;
    const steering = together(texts, syntax);
    const found = groupChunks(steering.groups[0]!, syntax, await model.tokenizer("tokenizer"));
    const longest = Math.max(...chunks.map(({ length }) => length));
    for (const [text, own] of chunks.entries()) {
      const [begin] = own[0]![0];
      const filled = [...own, ...new Array(longest - own.length).fill([[begin], [1]])];
      expect(
        found.chunks[text]!.map(({ weights }) => upToRepeat([...weights])),
        about,
      ).toEqual(filled.map(([, w]) => w));
      // A1111's chunks are filled up with end tokens as yet, ours as the encoder is given them; so the end is left out.
      for (const [place, [known]] of filled.entries()) {
        const ids = found.chunks[text]![place]!.ids.slice(0, known.length - 1);
        expect([...ids], about).toEqual(known.slice(0, -1));
      }
    }
    const { states } = await encodeTexts(model, steering, encoder(clipSkip), signal);
    const { offset, length } = tensors.get(String(i))!;
    const oracle = new Float32Array(new Uint8Array(bytes.subarray(offset, offset + length)).buffer);
    const mine = Float32Array.from(states.flatMap(({ data }) => [...data]));
    expect(mine.length, about).toBe(oracle.length);
    const worst = mine.reduce((most, value, k) => Math.max(most, Math.abs(value - oracle[k]!)), 0);
    expect(worst, about).toBeLessThan(1e-4);
  }
  for (const model of Object.values(models)) await model.release();
});

test("texts that come to more than the encoder should be given are refused, and told", async () => {
  const model = await open("sd1");
  const long = "a b c d e f g ".repeat(2000);
  const conditioning = Array.from({ length: 20 }, (_, i) => ({ kind: "text" as const, prompt: `${i} ${long}` }));
  const request = parseRequest({ prompt: long, promptSyntax: "comfyui", conditioning });
  const steering = steeringOf(request, { steps: 4, run: 4, sampler: "euler", guided: true });
  const network = await model.network("textEncoder");
  network.runAll = () => Promise.reject(new Error("nothing is to be encoded"));
  await expect(encodeTexts(model, steering, encoder(1), signal)).rejects.toMatchObject({ code: "invalid_request" });
  await model.release();
});

test("what the encoder was given before is not encoded again", async () => {
  const model = await open("sd1");
  const network = await model.network("textEncoder");
  let runs = 0;
  const run = network.runAll.bind(network);
  network.runAll = (...args) => {
    runs++;
    return run(...args);
  };
  const encode = (prompt: string, more: object = {}, skip = 1) => {
    const request = parseRequest({ prompt, ...more });
    const steering = steeringOf(request, { steps: 4, run: 4, sampler: "euler", guided: true });
    return encodeTexts(model, steering, encoder(skip), signal);
  };
  const first = await encode("a red apple", { negativePrompt: "blurry" });
  expect(runs).toBe(2);
  const again = await encode("a red apple", { negativePrompt: "blurry" });
  expect(again.states).toEqual(first.states);
  expect(runs).toBe(2);
  await encode("blurry", { negativePrompt: "a red apple" });
  expect(runs).toBe(2);
  await encode("a RED  apple");
  expect(runs).toBe(3);
  await encode("a red apple", {}, 2);
  expect(runs).toBe(5);
  await encode("a (red:1.2) apple", { promptSyntax: "a1111" });
  await encode("a (red:1.2) apple", { promptSyntax: "comfyui" });
  await model.release();
  expect(runs).toBe(9);
});

function upToRepeat(values: number[]): number[] {
  let end = values.length;
  while (end > 1 && values[end - 2] === values.at(-1)) end--;
  return values.slice(0, end);
}
