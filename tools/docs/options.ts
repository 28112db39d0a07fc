/**
 * Writes the lists of options in docs/samplers.md, from the tables that requests are checked with.
 *
 *     node tools/docs/options.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { document, withOptionTables } from "./option-tables.ts";

writeFileSync(document, withOptionTables(readFileSync(document, "utf8")));
