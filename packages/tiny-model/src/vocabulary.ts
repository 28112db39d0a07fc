import { readFile } from "node:fs/promises";
import { packageFile } from "./package-file.ts";

/** What the embedded model was taught: the package's `vocabulary.json`. */
export interface Vocabulary {
  /** What it draws: 40 things by one name each. */
  objects: string[];
  /** Other names that some of them have in captions. */
  synonyms: Record<string, string[]>;
  /** Colours of backgrounds. */
  colours: string[];
  /** Scenes and styles by their short names, with the words that captions have for them. */
  scenes: Record<string, string[]>;
  styles: Record<string, string[]>;
  positions: Record<string, string[]>;
  sizes: Record<string, string[]>;
  /** Every word of any caption, in lower case. Others are spelled by their letters, and mean nothing to it. */
  words: string[];
  /** Width and height, in pixels, of each picture that it was trained on. */
  side: number;
}

let read: Promise<Vocabulary> | undefined;

/** What the embedded model was taught. */
export function readVocabulary(): Promise<Vocabulary> {
  read ??= readFile(packageFile("vocabulary.json"), "utf8").then((text) => JSON.parse(text) as Vocabulary);
  return read;
}
