// Before a package is packed: the documents go along, for people and for programs that read what is installed.
import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./shell.mjs";

const docs = join(process.cwd(), "docs");
rmSync(docs, { recursive: true, force: true });
for (const file of readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")))
  cpSync(join(root, "docs", file), join(docs, file));
cpSync(join(root, "llms.txt"), join(docs, "llms.txt"));
