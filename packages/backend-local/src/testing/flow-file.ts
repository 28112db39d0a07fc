import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { fixture, temporaryFolder } from "./test-model.ts";

/** A part of a small flow model as a file that people have (tools/oracle/flow_files.py), unpacked: `"flux1.safetensors"`. */
export async function flowFile(name: string, folder?: string): Promise<string> {
  const path = join(folder ?? (await temporaryFolder()), name);
  await writeFile(path, await promisify(brotliDecompress)(await readFile(fixture(`flow-files/${name}.br`))));
  return path;
}
