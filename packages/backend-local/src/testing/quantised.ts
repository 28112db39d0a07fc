import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { fixture, temporaryFolder } from "./test-model.ts";

/** A tiny UNet of Stable Diffusion 1 in a quantised format (tools/oracle/quantised.py), unpacked: `"int8.safetensors"`. */
export async function quantisedUnet(name: string): Promise<string> {
  const path = join(await temporaryFolder(), name);
  const packed = await readFile(fixture(`quantised/${name}.br`));
  await writeFile(path, await promisify(brotliDecompress)(packed));
  return path;
}
