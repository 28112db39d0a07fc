import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import type { TokenizerLimits } from "../families/traits.ts";
import { readAsset } from "../files/read-asset.ts";
import { byteCharacters } from "./byte-characters.ts";
import { qwenJson, TextTokenizer } from "./text-tokenizer.ts";

/** T5 v1.1's tokenizer, and Qwen's, which 2, 2.5 and 3 share. */
export type ShippedTextTokenizer = "t5" | "qwen";

/** What Qwen 3 has beyond its merges, from this id on. */
const firstAdded = 151_643;
const special = [
  ...["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"],
  ...["<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"],
  ...["<|image_pad|>", "<|video_pad|>"],
];
const ordinary = [
  ...["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"],
  ...["<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>"],
];

const kinds: Readonly<Record<ShippedTextTokenizer, { json(): Promise<object>; pad: string }>> = {
  t5: { json: t5Json, pad: "<pad>" },
  qwen: { json: qwenShipped, pad: "<|endoftext|>" },
};
const read = new Map<ShippedTextTokenizer, Promise<object>>();

/** A tokenizer for files that bring none: that of the published text encoder. */
export async function shippedTextTokenizer(
  kind: ShippedTextTokenizer,
  limits: TokenizerLimits,
): Promise<TextTokenizer> {
  const json = read.get(kind) ?? kinds[kind].json();
  read.set(kind, json);
  json.catch(() => read.delete(kind));
  return new TextTokenizer(await json, { pad_token: kinds[kind].pad }, limits, `the ${kind} tokenizer of this package`);
}

async function unpacked(name: string): Promise<Buffer> {
  return promisify(brotliDecompress)(await readAsset(name));
}

/** `assets/t5-pieces.br`: the length of all pieces, they, a line each, and their scores byte by byte. */
async function t5Json(): Promise<object> {
  const bytes = await unpacked("t5-pieces.br");
  const end = 4 + bytes.readUInt32LE(0);
  const pieces = bytes.subarray(4, end).toString().split("\n");
  const columns = bytes.subarray(end);
  const row = Buffer.alloc(4);
  const vocab: [string, number][] = pieces.map((piece, i) => {
    for (let column = 0; column < 4; column++) row[column] = columns[column * pieces.length + i]!;
    return [piece, row.readFloatLE(0)];
  });
  for (let i = 99; i >= 0; i--) vocab.push([`<extra_id_${i}>`, 0]);
  const added = ["<pad>", "</s>", "<unk>"].map((content, id) => addedToken(id, content, true));
  for (let i = 99; i >= 0; i--) added.push(addedToken(vocab.length - 1 - i, `<extra_id_${i}>`, true));
  const blank = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
  return {
    version: "1.0",
    added_tokens: added,
    normalizer: { type: "Precompiled" },
    pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, blank] },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }],
      pair: [],
      special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
    },
    decoder: blank,
    model: { type: "Unigram", unk_id: 2, vocab, byte_fallback: false },
  };
}

/** `assets/qwen-merges.br`: the ids of each merge's left and right token, byte by byte. */
async function qwenShipped(): Promise<object> {
  const columns = await unpacked("qwen-merges.br");
  const count = columns.length / 6;
  const tokens: string[] = [...byteCharacters()];
  const merges: [string, string][] = [];
  for (let i = 0; i < count; i++) {
    const idAt = (first: number) =>
      columns[first * count + i]! +
      256 * columns[(first + 1) * count + i]! +
      65_536 * columns[(first + 2) * count + i]!;
    const pair: [string, string] = [tokens[idAt(0)]!, tokens[idAt(3)]!];
    merges.push(pair);
    tokens.push(pair.join(""));
  }
  const added = [...special, ...ordinary].map((content, i) => addedToken(firstAdded + i, content, i < special.length));
  return qwenJson({ ids: Object.fromEntries(tokens.map((text, id) => [text, id])), merges }, added);
}

function addedToken(id: number, content: string, isSpecial: boolean) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: isSpecial };
}
