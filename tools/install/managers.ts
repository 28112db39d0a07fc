/** How a project comes by LatentKit with one package manager: what README.md says, tried by `npm run check -- install`. */
export interface Manager {
  name: string;
  /** Package of npm's that holds the program, where it is not at hand, and its version. */
  tool?: { package: string; version: string; bin: string };
  /** What a user types in an empty folder, registry and program aside. */
  commands: readonly string[];
  /** Yarn's Plug'n'Play does not read TypeScript. */
  run: string;
  /** Settings files that the commands need. */
  files?: (registry: string) => Readonly<Record<string, string>>;
}

/** The address that the documents give, where a run's own registry stands. */
export const documented = "http://127.0.0.1:4873/";

const packages = "@latentkit/core @latentkit/backend-local";
const cli = `${documented}latentkit.tgz`;
const draw = 'latentkit generate --prompt "a red apple on a blue background" --seed 7 --out apple.png';
const npmrc = (registry: string) => ({ ".npmrc": `@latentkit:registry=${registry}\n` });
const yarn = { package: "@yarnpkg/cli-dist", version: "4.18.1", bin: "yarn" };
const bun = { package: "bun", version: "1.4.5", bin: "bun" };
/** Yarn has a settings file of its own; and by default asks for packages that are some days old. */
const yarnrc = (registry: string, linker: string) => ({
  ".yarnrc.yml": `nodeLinker: ${linker}
npmScopes: { latentkit: { npmRegistryServer: "${registry.replace(/\/$/, "")}" } }
unsafeHttpWhitelist: ["127.0.0.1"]
enableGlobalCache: false
`,
});

/** Every package manager that is tried. */
export const managers: readonly Manager[] = [
  { name: "npm", commands: [`npm install ${packages}`], run: "node apple.mts", files: npmrc },
  { name: "pnpm", commands: [`pnpm add ${packages}`], run: "node apple.mts", files: npmrc },
  {
    name: "yarn",
    tool: yarn,
    commands: [`yarn add ${packages}`],
    run: "yarn node apple.mts",
    files: (registry) => yarnrc(registry, "node-modules"),
  },
  {
    name: "yarn (Plug'n'Play)",
    tool: yarn,
    commands: [`yarn add ${packages}`],
    run: "yarn node apple.mjs",
    files: (registry) => yarnrc(registry, "pnp"),
  },
  {
    name: "bun",
    tool: bun,
    commands: [`bun add ${packages}`],
    run: "bun apple.mts",
    files: npmrc,
  },
  {
    name: "deno",
    tool: { package: "deno", version: "2.9.6", bin: "deno" },
    commands: [`deno add ${packages.replaceAll("@", "npm:@")}`],
    run: "deno run -A apple.mts",
    files: npmrc,
  },
  { name: "npm, the command line", commands: [`npm install ${cli}`], run: `node_modules/.bin/${draw}`, files: npmrc },
  { name: "pnpm, the command line", commands: [`pnpm add ${cli}`], run: `pnpm ${draw}`, files: npmrc },
  {
    name: "yarn, the command line",
    tool: yarn,
    commands: [`yarn add latentkit@${cli}`],
    run: `yarn ${draw}`,
    files: (registry) => yarnrc(registry, "node-modules"),
  },
  { name: "bun, the command line", tool: bun, commands: [`bun add ${cli}`], run: `bun ${draw}`, files: npmrc },
];
