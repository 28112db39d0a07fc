import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const codec = fileURLToPath(new URL("../../packages/core/src/browser/codec.ts", import.meta.url));
const buffer = fileURLToPath(new URL("../../packages/core/src/browser/buffer.ts", import.meta.url));

/** What of Node's has a small stand-in, so that it works in a browser too. */
const standIns: Readonly<Record<string, string>> = {
  "node:crypto": `
import { sha256 } from "@noble/hashes/sha2.js";
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const createHash = found?.createHash ?? ((name) => {
  if (name !== "sha256") return missing("createHash")();
  const hash = sha256.create();
  const self = { update: (data) => (hash.update(typeof data === "string" ? new TextEncoder().encode(data) : data), self), digest: () => hex(hash.digest()) };
  return self;
});
export { createHash };
`,
  "node:zlib": `
const crc32 = found?.crc32 ?? ((bytes, from = 0) => {
  let crc = ~from;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
});
export { crc32 };
`,
};

/**
 * For the build that browsers, workers and edge runtimes take: no import of Node's. A module of Node's is asked for when it is used, where
 * the platform has it (Cloudflare's nodejs_compat); else using it is an error that says so. sharp is the platform's own codec.
 */
const withoutNode: Plugin = {
  name: "without-node",
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: "node", sideEffects: false }));
    build.onLoad({ filter: /.*/, namespace: "node" }, async ({ path }) => {
      const own = standIns[path] ?? "";
      const names = Object.keys(await import(path)).filter((name) => /^[a-z]\w*$/i.test(name) && name !== "default");
      const exported = names.filter((name) => !own.includes(`export { ${name} }`));
      const contents = `const found = /* @__PURE__ */ (() => globalThis.process?.getBuiltinModule?.(${JSON.stringify(path)}))();
const missing = (name) => function () { throw new Error(name + " of ${path} is not here: this needs Node, Bun or Deno"); };
${own}
${exported.map((name) => `export const ${name} = /* @__PURE__ */ (() => found?.${name} ?? missing("${name}"))();`).join("\n")}
export default found;
`;
      return { contents, resolveDir: fileURLToPath(new URL("../../packages/core", import.meta.url)) };
    });
    // What two entries share is a chunk of its own: so index.js only hands on, and who takes one name from it gets that name's chunk.
    build.onResolve({ filter: /^whole$/ }, ({ path }) => ({ path, namespace: "whole" }));
    build.onLoad({ filter: /.*/, namespace: "whole" }, () => ({
      contents: 'export * from "./src/index.ts";',
      resolveDir: fileURLToPath(new URL("../../packages/core", import.meta.url)),
    }));
    build.onResolve({ filter: /\/codec\.ts$/ }, ({ importer }) => (importer === codec ? undefined : { path: codec }));
    build.onResolve({ filter: /^sharp$/ }, ({ path }) => ({ path, namespace: "none", sideEffects: false }));
    build.onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: "export default undefined;" }));
  },
};

/**
 * A Buffer for the files that use one, and for no other: esbuild's `inject` has every file start it, so that one error class brings it along.
 * Of those that only speak of it, the unused import is dropped as TypeScript's always are.
 */
const withBuffer: Plugin = {
  name: "with-buffer",
  setup(build) {
    build.onLoad({ filter: /[/\\]packages[/\\]core[/\\]src[/\\].*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      if (path === buffer || !/\bBuffer\b/.test(text)) return undefined;
      // At the end, where it moves no line of the source map.
      return { contents: `${text}\nimport { Buffer } from ${JSON.stringify(buffer)};\n`, loader: "ts" };
    });
  },
};

/** Each error is a module of its own, so that who bundles one gets no more. */
export function errorEntries(core: URL): Record<string, string> {
  const files = readdirSync(new URL("src/errors", core)).filter((file) => file.endsWith("-error.ts"));
  return Object.fromEntries(files.map((file) => [`errors/${file.slice(0, -3)}`, `src/errors/${file}`]));
}

/** Builds core for browsers, workers and edge runtimes, into dist/browser. */
export async function buildForBrowsers(core: URL): Promise<void> {
  await build({
    absWorkingDir: fileURLToPath(core),
    entryPoints: { index: "src/index.ts", whole: "whole", ...errorEntries(core) },
    outdir: "dist/browser",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2023",
    sourcemap: true,
    external: ["zod", "eventemitter3", "ipaddr.js", "p-queue"],
    plugins: [withoutNode, withBuffer],
  });
}
