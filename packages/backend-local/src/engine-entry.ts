/** The engine's own program. It lies at this file's side: `engine/main.js` once built, `engine/main.ts` in the sources. */
export const engineEntry: URL = import.meta.url.endsWith(".ts")
  ? new URL("./engine/main.ts", import.meta.url)
  : new URL("./engine/main.js", import.meta.url);

/** Node options that the engine's program needs. Running sources, other packages are taken from their sources as well. */
export const engineExecArgv: readonly string[] = import.meta.url.endsWith(".ts")
  ? ["--conditions=latentkit-source", "--disable-warning=ExperimentalWarning"]
  : [];
