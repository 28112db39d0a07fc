import { join } from "node:path";
import { modelError } from "../files/model-error.ts";
import { readOptionalJson } from "../files/read-json.ts";
import { withoutExporter } from "./exported-part.ts";

/** What a model folder says it is made of. */
export interface FolderIndex {
  file: string;
  /** As a model_index.json has it: the pipeline's `_class_name`, and by their folders the parts' `[library, class]`. */
  index: Record<string, unknown>;
  /** Whether the pipeline is one of blocks: what its schedule is may then be the pipeline's own. */
  modular: boolean;
}

/** The names of a folder's index: diffusers' pipelines', and its modular pipelines'. */
export const indexFiles = ["model_index.json", "modular_model_index.json"] as const;

/** Reads a model folder's index. @throws {@link ModelError} where there is none. */
export async function readFolderIndex(folder: string): Promise<FolderIndex> {
  for (const name of indexFiles) {
    const file = join(folder, name);
    const saved = await readOptionalJson(file);
    if (saved === undefined) continue;
    const modular = name !== "model_index.json";
    const entries = Object.entries(saved).map(([key, entry]) => [key, modular ? classEntry(entry) : entry]);
    const index = { ...Object.fromEntries(entries), _class_name: withoutExporter(saved._class_name) };
    return { file, index, modular };
  }
  const file = join(folder, indexFiles[0]);
  const message = `${folder} is not a model folder: it has no model_index.json (the diffusers layout)`;
  throw modelError("missing", message, { file });
}

/** A part as `[library, class]`; a modular index adds where it is loaded from, and its class's stand-in where it was saved without. */
function classEntry(entry: unknown): unknown {
  if (!Array.isArray(entry) || entry.length !== 3 || typeof entry[2] !== "object") return entry;
  const [library, name, from] = entry as [unknown, unknown, { type_hint?: unknown } | null];
  return name == null ? (from?.type_hint ?? [library, name]) : [library, name];
}
