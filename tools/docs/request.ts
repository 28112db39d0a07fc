/**
 * Writes docs/request.md and the texts of requestJsonSchema(), from the documented inputs in input-types.ts; docs/events.md and
 * docs/image.md from the sources of what they tell:
 *
 *     node tools/docs/request.ts
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fieldTextsFile, fieldTextsModule } from "./field-texts.ts";
import { requestPage, requestPageFile } from "./request-page.ts";
import { sourcePage, sourcePages } from "./source-pages.ts";

writeFileSync(fieldTextsFile, fieldTextsModule());
const biome = fileURLToPath(new URL("../../node_modules/@biomejs/biome/bin/biome", import.meta.url));
spawnSync(process.execPath, [biome, "format", "--write", fileURLToPath(fieldTextsFile)]);
writeFileSync(requestPageFile, requestPage());
for (const page of sourcePages) writeFileSync(page.file, sourcePage(page));
