import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";

const read = (path: string) => readFile(new URL(path, import.meta.url), "utf8");

it.each(["gradient.ts", "gradient.test.ts"])("docs/writing-a-backend.md shows %s as it is", async (file) => {
  expect(await read("../../docs/writing-a-backend.md")).toContain(`\`\`\`ts ${file}\n${await read(file)}\`\`\``);
});
