/**
 * Node options that make Yarn's Plug'n'Play resolve packages in a child process too: those of this process's NODE_OPTIONS, which the
 * child is otherwise not given.
 */
export function plugAndPlay(env: NodeJS.ProcessEnv = process.env): string[] {
  if (process.versions.pnp === undefined) return [];
  const options = (env.NODE_OPTIONS ?? "").match(/(?:[^\s"]|"(?:\\.|[^"])*")+/g) ?? [];
  const unquoted = options.map((option) => option.replace(/^"(.*)"$/s, "$1").replace(/\\(.)/g, "$1"));
  return unquoted.filter((option, i) => isHook(option, unquoted[i - 1]) || isHook(unquoted[i + 1], option));
}

/** `--require <folder>/.pnp.cjs` and `--experimental-loader <folder>/.pnp.loader.mjs`. */
function isHook(path: string | undefined, flag: string | undefined): boolean {
  return (
    /\.pnp\.(cjs|loader\.mjs)$/.test(path ?? "") &&
    /^(--require|-r|--(experimental-)?loader|--import)$/.test(flag ?? "")
  );
}
