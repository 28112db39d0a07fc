import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { documents } from "./documents.ts";

/** Every link and picture of the documents that stays in the repository leads to a file, or to a heading that is there. */
function main(): void {
  const links = documents().flatMap(linksOf);
  const broken = links.filter(({ document, target }) => !leadsSomewhere(document, target));
  for (const { document, target } of broken) console.error(`${document}: ${target} leads nowhere`);
  console.log(`${links.length} links, ${broken.length} broken`);
  process.exitCode = broken.length > 0 ? 1 : 0;
}

function linksOf(document: string): { document: string; target: string }[] {
  const text = readFileSync(document, "utf8").replace(/^```.*?^```/gms, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => ({ document, target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target));
}

function leadsSomewhere(document: string, target: string): boolean {
  const [path = "", heading] = target.split("#");
  const file = path === "" ? document : join(dirname(document), path);
  if (!existsSync(file)) return false;
  return heading === undefined || headingsOf(file).includes(heading);
}

/** As GitHub makes anchors: lower case, no punctuation, hyphens for spaces. */
function headingsOf(file: string): string[] {
  return [...readFileSync(file, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s-]/gu, "")
      .trim()
      .replace(/\s/g, "-"),
  );
}

main();
