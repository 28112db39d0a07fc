import { fileURLToPath } from "node:url";

/** The engine's own program, as it is started. */
export interface EngineProgram {
  file: string;
  /** Node options that it needs. */
  execArgv: readonly string[];
}

/**
 * The program in the sources; other packages are taken from their sources as well. The build puts `program.built.ts` in this file's
 * place.
 */
export function engineProgram(): EngineProgram {
  const file = fileURLToPath(new URL("./main.ts", import.meta.url));
  return { file, execArgv: ["--conditions=latentkit-source", "--disable-warning=ExperimentalWarning"] };
}
