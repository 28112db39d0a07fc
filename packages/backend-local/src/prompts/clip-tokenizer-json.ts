import { join } from "node:path";
import { modelError } from "../files/model-error.ts";
import { readJson, readText } from "../files/read-json.ts";

/** The special tokens of a CLIP vocabulary. */
export interface SpecialTokens {
  bos: string;
  eos: string;
  unk: string;
}

/**
 * The pre-tokens of CLIP: special tokens, English contractions, runs of letters, single digits, runs of anything else.
 * From Radford et al. 2021's released tokenizer.
 */
const pieces = String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;

/**
 * The `tokenizer.json` of a folder that has only `vocab.json` and `merges.txt`: CLIP's byte-level BPE (Radford et al.
 * 2021), lower-cased, words ending in `</w>`, as transformers builds it from the same two files.
 *
 * @throws {@link ModelError} when a file is missing or is not what its name says.
 */
export async function clipTokenizerJson(folder: string, special: SpecialTokens): Promise<Record<string, unknown>> {
  const vocab = await readJson(join(folder, "vocab.json"));
  const id = (token: string): number => {
    const found = vocab[token];
    if (typeof found === "number") return found;
    const file = join(folder, "vocab.json");
    throw modelError("malformed", `${file} lacks the special token ${token}`, { file });
  };
  return {
    version: "1.0",
    added_tokens: [...new Set([special.bos, special.eos])].map((content) => ({
      id: id(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: pieces }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: "RobertaProcessing",
      sep: [special.eos, id(special.eos)],
      cls: [special.bos, id(special.bos)],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      unk_token: special.unk,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      vocab,
      merges: await readMerges(join(folder, "merges.txt")),
    },
  };
}

async function readMerges(file: string): Promise<[string, string][]> {
  const text = await readText(file);
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#version"));
  return lines.map((line) => {
    const [left, right, ...rest] = line.trimEnd().split(" ");
    if (left && right && rest.length === 0) return [left, right];
    throw modelError("malformed", `${file}: "${line.slice(0, 60)}" is not a pair of pieces`, { file });
  });
}
