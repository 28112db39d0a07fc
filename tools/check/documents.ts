import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Every Markdown document of the repository. Copies that packing made (packages/…/docs) are not its. */
export function documents(): string[] {
  const inFolder = (where: string): string[] =>
    existsSync(where)
      ? readdirSync(where, { recursive: true, encoding: "utf8" })
          .filter(
            (file) => file.endsWith(".md") && !/node_modules|dist|^[\w-]+\/docs\//.test(file.replaceAll("\\", "/")),
          )
          .map((file) => join(where, file))
      : [];
  const top = ["README.md", "CONTRIBUTING.md"].filter((file) => existsSync(file));
  return [...top, ...["docs", "packages", "examples"].flatMap(inFolder)];
}
