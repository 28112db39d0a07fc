import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Programs for a browser or a worker, bundled from what was built, as users do; and what they weigh. */
const programs = [
  {
    name: "core: one error class",
    code: 'export { AbortedError } from "@latentkit/core";',
    conditions: [],
    most: 5000,
  },
  {
    name: "core: createClient",
    code: 'export { createClient } from "@latentkit/core";',
    conditions: [],
    most: 350_000,
  },
  { name: "core: everything", code: 'export * from "@latentkit/core";', conditions: [] },
  {
    name: "core: createClient, Cloudflare-style",
    code: 'export { createClient } from "@latentkit/core";',
    conditions: ["workerd", "worker"],
  },
  {
    name: "backend-replicate and core, Cloudflare-style with nodejs_compat",
    code: 'export { createClient } from "@latentkit/core"; export { replicate } from "@latentkit/backend-replicate";',
    conditions: ["workerd", "worker"],
    external: ["node:*", ...builtinModules],
  },
];

/** A browser has neither; what is bundled must load and run a job all the same. */
const use = `delete globalThis.process; delete globalThis.Buffer;
const { createClient } = await import(process_argv);
const image = { kind: "encoded", mediaType: "image/png", base64: "iVBORw0KGgo=" };
const backend = { id: "fake", dispose: async () => {}, capabilities: async () => ({ backend: "fake", tasks: ["text-to-image", "image-to-image"], features: ["seed", "strength"],
  conditioning: [], samplers: [], schedulers: [], outputFormats: ["png"], limits: {}, resume: false }),
  async *generate() { yield { type: "started" }; yield { type: "image", index: 0, image }; yield { type: "completed" }; } };
const client = createClient({ backend });
const { recipe } = await client.generate({ prompt: "a", image: new Blob([Uint8Array.of(1, 2, 3)]), seed: 1 });
if (recipe.request.image.sha256 !== "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81") throw new Error(JSON.stringify(recipe));
console.log("a job ran without process and Buffer");
`;

async function main(): Promise<void> {
  const folder = resolve("packages", "cli", ".sizes");
  mkdirSync(folder, { recursive: true });
  try {
    console.log("| Bundle | min | min+gzip |\n| --- | --- | --- |");
    for (const { name, code, conditions, external = [], most = Number.POSITIVE_INFINITY } of programs) {
      const result = await build({
        stdin: { contents: code, resolveDir: folder },
        bundle: true,
        minify: true,
        write: false,
        format: "esm",
        platform: "browser",
        conditions: [...conditions, "module"],
        external,
        logLevel: "error",
      });
      const [file] = result.outputFiles;
      const text = file?.text ?? "";
      if (external.length === 0 && /\bfrom"node:|import"node:|import\("(node:|sharp)/.test(text))
        throw new Error(`${name}: something of Node's, or sharp, is imported`);
      if (Buffer.byteLength(text) > most)
        throw new Error(`${name}: ${Buffer.byteLength(text)} bytes, more than ${most}`);
      const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
      console.log(`| ${name} | ${kb(Buffer.byteLength(text))} | ${kb(gzipSync(text).length)} |`);
      if (name === "core: createClient") run(folder, text);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(folder: string, bundle: string): void {
  writeFileSync(join(folder, "bundle.mjs"), bundle);
  writeFileSync(join(folder, "use.mjs"), use.replace("process_argv", '"./bundle.mjs"'));
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "use.mjs")], { encoding: "utf8" });
  if (status !== 0) throw new Error(`The bundle does not run: ${stderr}`);
  console.error(stdout.trim());
}

await main();
