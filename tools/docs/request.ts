/**
 * Writes docs/request.md and the texts of requestJsonSchema(), from the documented inputs in input-types.ts:
 *
 *     node tools/docs/request.ts
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fieldTextsFile, fieldTextsModule } from "./field-texts.ts";
import { requestPage, requestPageFile } from "./request-page.ts";

writeFileSync(fieldTextsFile, fieldTextsModule());
const biome = fileURLToPath(new URL("../../node_modules/@biomejs/biome/bin/biome", import.meta.url));
spawnSync(process.execPath, [biome, "format", "--write", fileURLToPath(fieldTextsFile)]);
writeFileSync(requestPageFile, requestPage());
