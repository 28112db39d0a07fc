import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { tensorsOf, writeTensors } from "./rewrite-safetensors.ts";
import { fixture, temporaryFolder } from "./test-model.ts";

/** A part of a small flow model as a file that people have (tools/oracle/flow_files.py), unpacked: `"flux1.safetensors"`. */
export async function flowFile(name: string, folder?: string): Promise<string> {
  const path = join(folder ?? (await temporaryFolder()), name);
  await writeFile(path, await promisify(brotliDecompress)(await readFile(fixture(`flow-files/${name}.br`))));
  return path;
}

/** A safetensors file whose table of that name has so many rows: its own, over and over. */
export async function withRows(from: string, to: string, table: string, rows: number): Promise<string> {
  const grown = (await tensorsOf(from)).map((tensor) => {
    if (tensor.name !== table) return tensor;
    const [count = 1, ...rest] = tensor.shape;
    const bytes = Buffer.alloc((tensor.bytes.length / count) * rows, tensor.bytes);
    return { ...tensor, shape: [rows, ...rest], bytes };
  });
  await writeTensors(to, grown);
  return to;
}
