import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where a newcomer copies from. */
const pages = ["README.md", "docs/guide.md", "docs/examples.md", "docs/cookbook.md"];

/** In the root, so that a program finds what it would find there; out of the way of what a reader has there. */
const folder = ".pasted";

/** What a program needs that is not here: another service, a model of the reader's, a page of another block. */
const elsewhere = /backend-(?:comfy|replicate)|\bmodels?: "|\.safetensors"|from "\.\//;

/** Runs the documents' programs as a reader would: each block saved in the repository's root, and given to plain Node. */
function main(): void {
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : pages;
  let [ran, failed, left] = [0, 0, 0];
  try {
    for (const document of wanted) {
      // What one block of a document draws, a later one may read.
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
      for (const { line, name, code } of blocksOf(document)) {
        if (elsewhere.test(code)) {
          left++;
          continue;
        }
        ran++;
        writeFileSync(join(folder, name), code);
        const startedAt = performance.now();
        const { status, stderr, error } = spawnSync(process.execPath, [name], {
          cwd: folder,
          encoding: "utf8",
          timeout: 120_000,
          env: { ...process.env, LATENTKIT_BACKEND: "" },
        });
        console.log(`${document}:${line} ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
        if (status === 0) continue;
        failed++;
        console.log(`${error ?? ""}${stderr}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(
    `${ran} programs of the documents ran in the root, ${failed} failed; ${left} need a server or a model: not run`,
  );
  process.exitCode = failed > 0 ? 1 : 0;
}

interface Block {
  line: number;
  name: string;
  code: string;
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(document, "utf8");
  return [...text.matchAll(/^```ts(?: (\S+\.m?ts))?\n(.*?)^```/gms)].map(([, name, code = ""], i) => {
    const before = text.split(code)[0] ?? "";
    return { line: before.split("\n").length, name: name ?? `block-${i}.ts`, code };
  });
}

main();
