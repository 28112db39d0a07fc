import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { readAsset } from "../files/read-asset.ts";
import type { AddedToken } from "./added-tokens.ts";
import type { BpeVocabulary } from "./bpe-vocabulary.ts";
import { byteCharacters } from "./byte-characters.ts";
import { PromptTokenizer } from "./prompt-tokenizer.ts";

/** CLIP ViT-L/14's tokenizer (SD 1, XL's first), and OpenCLIP's (SD 2, XL's second, the refiner), which fills up with "!". */
export type ShippedTokenizer = "clip-l" | "openclip";

const [begin, end] = ["<|startoftext|>", "<|endoftext|>"] as const;
const token = { lstrip: false, rstrip: false, singleWord: false, special: true };
/** As transformers reads the published files: an end token that also pads is looked for in the text as it is written. */
const added: Record<ShippedTokenizer, readonly AddedToken[]> = {
  "clip-l": [
    { ...token, content: begin, normalized: true },
    { ...token, content: end, normalized: false },
  ],
  openclip: [
    { ...token, content: begin, normalized: true },
    { ...token, content: end, normalized: true },
    { ...token, content: "!", normalized: false },
  ],
};

let vocabulary: Promise<BpeVocabulary> | undefined;

/** A tokenizer for files that bring none, such as single-file checkpoints: that of the published Stable Diffusion. */
export async function shippedTokenizer(kind: ShippedTokenizer): Promise<PromptTokenizer> {
  vocabulary ??= readShippedVocabulary().catch((error: unknown) => {
    vocabulary = undefined;
    throw error;
  });
  const settings = {
    names: { bos: begin, eos: end, unk: end, pad: kind === "openclip" ? "!" : end },
    added: added[kind],
    written: new Set<string>(),
    limit: 77,
    padsLeft: false,
    cutsLeft: false,
    splitsSpecial: false,
  };
  const limits = { maxPositions: 77, vocabSize: 49_408 };
  return new PromptTokenizer({ vocabulary: await vocabulary, settings, limits, place: "CLIP's vocabulary" });
}

/** `assets/clip-merges.z`: the ids of each merge's left and right token, low bytes and high bytes by themselves. */
async function readShippedVocabulary(): Promise<BpeVocabulary> {
  const columns = await promisify(inflate)(await readAsset("clip-merges.z"));
  const count = columns.length / 4;
  const characters = byteCharacters();
  const tokens = [...characters, ...characters.map((character) => `${character}</w>`)];
  const merges: [string, string][] = [];
  for (let i = 0; i < count; i++) {
    const idAt = (column: number) => columns[column * count + i]! + 256 * columns[(column + 1) * count + i]!;
    const pair: [string, string] = [tokens[idAt(0)]!, tokens[idAt(2)]!];
    merges.push(pair);
    tokens.push(pair.join(""));
  }
  tokens.push(begin, end);
  return { ids: Object.fromEntries(tokens.map((text, id) => [text, id])), merges };
}
