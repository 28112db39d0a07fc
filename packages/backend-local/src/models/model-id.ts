import { basename, sep } from "node:path";

/**
 * A name for a model folder that tells no one where it lies, as it is written into pictures: `owner/name@revision` for a
 * snapshot in a Hugging Face cache, else the folder's or file's own name.
 */
export function modelId(path: string): string {
  const [revision, snapshots, repository] = path.split(sep).reverse();
  if (snapshots === "snapshots" && repository?.startsWith("models--")) {
    return `${repository.slice("models--".length).replace("--", "/")}@${revision}`;
  }
  return basename(path).replace(/\.(safetensors|gguf)$/, "") || path;
}
