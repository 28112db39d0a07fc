import { basename } from "node:path";
import type { ModelParts } from "../../models/model.ts";

/** Whether a model is called so: by its path, its name in the Hub's cache, or where its files say it is from. */
export function isNamed({ path, index }: Pick<ModelParts, "path" | "index">, name: RegExp): boolean {
  const names = [basename(path), path.split(/[\\/]/).find((each) => each.startsWith("models--")), index._name_or_path];
  return names.some((each) => name.test(String(each ?? "")));
}
