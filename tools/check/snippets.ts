import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Snippets are compiled from inside the CLI's folder, whose dependencies are all the packages a reader would install. */
const folder = "packages/cli/.snippets";

/** Compiles every fenced `ts` block of the documentation against the packages' sources. `ts ignore` leaves one out. */
function main(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    const origins = new Map(documents().flatMap((file) => writeSnippets(file)));
    console.log(
      `${origins.size} snippets in ${new Set([...origins.values()].map((origin) => origin.split(":")[0])).size} files`,
    );
    const settings = {
      extends: "../../../tsconfig.base.json",
      compilerOptions: { noUnusedLocals: false },
      include: ["snippet-*.ts"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    const tsc = "node_modules/typescript-native/bin/tsc";
    const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], {
      encoding: "utf8",
    });
    process.stdout.write(
      stdout.replaceAll(
        /^\S*?(snippet-\d+\.ts)\((\d+),/gm,
        (_, name: string, line: string) => `${origins.get(name)} (line ${line} of the snippet, column `,
      ),
    );
    process.exitCode = status === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function documents(): string[] {
  const inFolder = (where: string): string[] =>
    existsSync(where)
      ? readdirSync(where, { recursive: true, encoding: "utf8" })
          .filter((file) => file.endsWith(".md") && !/node_modules|dist/.test(file))
          .map((file) => join(where, file))
      : [];
  const top = ["README.md", "CONTRIBUTING.md"].filter((file) => existsSync(file));
  return [...top, ...inFolder("docs"), ...inFolder("packages"), ...inFolder("examples")];
}

let count = 0;

function writeSnippets(file: string): [string, string][] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((match): [string, string] => {
    const name = `snippet-${++count}.ts`;
    // Each is a module of its own, so top-level await works and names do not clash.
    writeFileSync(join(folder, name), `${match[1]}export {};\n`);
    return [name, `${file}:${text.slice(0, match.index).split("\n").length}`];
  });
}

main();
