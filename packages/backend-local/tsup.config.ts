import { defineConfig } from "tsup";
import { library } from "../../tools/setup/tsup.ts";

// engine/main.ts is the engine process's own entry: it is forked, never imported.
export default defineConfig(library({ index: "src/index.ts", "engine/main": "src/engine/main.ts" }));
