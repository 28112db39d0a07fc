import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./shell.mjs";

/** A hash over files' names and contents. @param {readonly string[]} files relative to the root */
export function hashFiles(files) {
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  return hash.digest("hex");
}

/** Every file under a folder, sorted. @param {string} folder relative to the root */
export function filesUnder(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}

/** Stamps lie in node_modules, so they go when it goes. */
function stampFile(name) {
  return join(root, "node_modules", `.latentkit-${name}`);
}

/** Whether the step that wrote the stamp ran on the same inputs. */
export function isFresh(name, hash) {
  return existsSync(stampFile(name)) && readFileSync(stampFile(name), "utf8") === hash;
}

/** Notes that a step ran on these inputs. */
export function writeStamp(name, hash) {
  writeFileSync(stampFile(name), hash);
}
