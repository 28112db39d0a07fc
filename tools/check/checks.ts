/** One part of the gate. */
export interface Check {
  name: string;
  /** What it looks at, for people. */
  what: string;
  /** A Node script and its arguments, run in the root folder. */
  command: readonly string[];
  /** Only run when it is named: it fetches much, or takes minutes. */
  onDemand?: boolean;
}

/** The gate, quick checks first. The build goes before it, in the set-up. */
export const checks: readonly Check[] = [
  {
    name: "style",
    what: "format and lint (Biome)",
    command: [
      "node_modules/@biomejs/biome/bin/biome",
      "ci",
      "--colors=off",
      "--diagnostic-level=warn",
      "--error-on-warnings",
      ".",
    ],
  },
  {
    name: "types",
    what: "types of sources, tests and tools",
    command: ["node_modules/typescript-native/bin/tsc", "-p", "."],
  },
  {
    name: "boundaries",
    what: "examples → cli → backends → core, and no circles",
    command: [
      "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs",
      "--config",
      ".dependency-cruiser.json",
      "packages",
      "examples",
    ],
  },
  {
    name: "unused",
    what: "unused files, exports and dependencies (knip)",
    command: ["node_modules/knip/bin/knip.js", "--no-config-hints"],
  },
  { name: "snippets", what: "TypeScript in README and docs compiles", command: ["tools/check/snippets.ts"] },
  { name: "links", what: "links between the documents", command: ["tools/check/links.ts"] },
  { name: "packages", what: "packed packages (publint, attw)", command: ["tools/check/packages.ts"] },
  {
    name: "hover",
    what: "texts that an editor shows over a request's fields (built types)",
    command: ["tools/check/hover.ts"],
  },
  {
    name: "sizes",
    what: "bundles for browsers and workers: what they import and weigh",
    command: ["tools/check/sizes.ts"],
  },
  { name: "built", what: "the built command line draws with the embedded model", command: ["tools/check/built.ts"] },
  {
    name: "pasted",
    what: "the documents' programs, saved in the root and run by plain Node",
    command: ["tools/check/pasted.ts"],
  },
  {
    name: "install",
    what: "installing and drawing with each package manager, in empty folders (from the network)",
    command: ["tools/install/try-managers.ts"],
    onDemand: true,
  },
  {
    name: "bundlers",
    what: "programs bundled by esbuild, webpack, Vite and Next, and run (from the network)",
    command: ["tools/install/try-bundlers.ts"],
    onDemand: true,
  },
  { name: "tests", what: "tests (vitest)", command: ["node_modules/vitest/vitest.mjs", "run"] },
];
