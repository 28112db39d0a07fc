import { defineConfig } from "tsup";
import { buildForBrowsers, errorEntries } from "../../tools/setup/browser-build.ts";
import { library } from "../../tools/setup/tsup.ts";

const here = new URL("./", import.meta.url);

export default defineConfig({
  ...library({
    index: "src/index.ts",
    "diffusion/index": "src/diffusion/index.ts",
    // The decoder process's own entry: it is forked, never imported.
    "decoder/main": "src/image/decoder/main.ts",
    ...errorEntries(here),
  }),
  dts: { entry: { index: "src/index.ts", "diffusion/index": "src/diffusion/index.ts" } },
  onSuccess: () => buildForBrowsers(here),
});
