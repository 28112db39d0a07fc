import { defineConfig } from "tsup";
import { library } from "../../tools/setup/tsup.ts";

export default defineConfig(library({ index: "src/index.ts" }));
