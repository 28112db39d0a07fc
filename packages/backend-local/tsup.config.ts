import { fileURLToPath } from "node:url";
import { defineConfig } from "tsup";
import { library } from "../../tools/setup/tsup.ts";

/** The engine's program lies elsewhere once it is built. */
const builtProgram = {
  name: "built-program",
  setup(build: { onResolve(options: { filter: RegExp }, resolve: () => { path: string }): void }) {
    const path = fileURLToPath(new URL("src/engine/program.built.ts", import.meta.url));
    build.onResolve({ filter: /\/program\.ts$/ }, () => ({ path }));
  },
};

export default defineConfig({
  // engine/main.ts is the engine process's own entry: it is forked, never imported.
  ...library({ index: "src/index.ts", "engine/main": "src/engine/main.ts" }),
  esbuildPlugins: [builtProgram],
});
