/**
 * Writes the JSON Schema of `latentkit.config.json`, which comes with @latentkit/core for editors.
 *
 *     node --conditions=latentkit-source tools/docs/config-schema.ts
 */
import { writeFileSync } from "node:fs";
import { configJsonSchema } from "../../packages/core/src/index.ts";

const file = new URL("../../packages/core/config.schema.json", import.meta.url);
writeFileSync(file, `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
