const isSource = import.meta.url.endsWith(".ts");
const program = isSource ? ["image", "decoder", "main.ts"] : ["decoder", "main.js"];

/** The decoder's own program, from this file's side. Not spelled as one literal: a bundler would take it for a file of its own. */
export const decoderEntry: URL = new URL(program.join("/"), import.meta.url);

/** Node options that the program needs. */
export const decoderExecArgv: readonly string[] = isSource
  ? ["--conditions=latentkit-source", "--disable-warning=ExperimentalWarning"]
  : [];
