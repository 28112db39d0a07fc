import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documents } from "./documents.ts";

/** Snippets are compiled from inside the CLI's folder, whose dependencies are all the packages a reader would install. */
const folder = "packages/cli/.snippets";

/** Compiles every fenced `ts` block of the documentation against the packages' sources. */
function main(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    const origins = new Map(documents().flatMap(writeSnippets));
    console.log(
      `${origins.size} snippets in ${new Set([...origins.values()].map((origin) => origin.split(":")[0])).size} files`,
    );
    const settings = {
      extends: "../../../tsconfig.base.json",
      compilerOptions: { noUnusedLocals: false },
      include: ["*/*.ts", "*/*.mts"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    const tsc = "node_modules/typescript-native/bin/tsc";
    const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], {
      encoding: "utf8",
    });
    process.stdout.write(
      stdout.replaceAll(
        /^\S*?(\d+\/\S+\.ts)\((\d+),/gm,
        (_, path: string, line: string) => `${origins.get(path)} (line ${line} of the block, column `,
      ),
    );
    process.exitCode = status === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each document is a folder; a block may name its file (```ts grey.ts), for others to import. */
function writeSnippets(document: string, i: number): [path: string, origin: string][] {
  const text = readFileSync(document, "utf8");
  const blocks = [...text.matchAll(/^```ts(?: (\S+\.m?ts))?\n(.*?)^```/gms)];
  if (blocks.length > 0) mkdirSync(join(folder, `${i}`));
  return blocks.map(([, name, code], j) => {
    const path = `${i}/${name ?? `block-${j}.ts`}`;
    // Each is a module of its own, so top-level await works and names do not clash.
    writeFileSync(join(folder, path), `${code}export {};\n`);
    const line = text.slice(0, blocks[j]?.index).split("\n").length;
    return [path, `${document}:${line}`];
  });
}

main();
