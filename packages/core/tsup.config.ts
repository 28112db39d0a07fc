import { defineConfig } from "tsup";
import { library } from "../../tools/setup/tsup.ts";

// decoder/main.ts is the decoder process's own entry: it is forked, never imported.
export default defineConfig(
  library({
    index: "src/index.ts",
    "diffusion/index": "src/diffusion/index.ts",
    "decoder/main": "src/image/decoder/main.ts",
  }),
);
