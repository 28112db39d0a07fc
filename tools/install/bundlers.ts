/** A program that is bundled, and how: what docs/deploy.md says, tried by `npm run check -- bundlers`. */
export interface Bundle {
  name: string;
  packages: readonly string[];
  files: Readonly<Record<string, string>>;
  /** Commands after the install; each must succeed. */
  commands: readonly string[];
  /** What the last command must print. */
  expect: RegExp;
  /** A line of docs/deploy.md that this needs; undefined where it works out of the box. */
  line?: string;
}

/** The program of each: what it prints is a PNG's size. */
const program = `import { local } from "@latentkit/backend-local";
import { createClient } from "@latentkit/core";

const client = createClient({ backend: local() });
const { images } = await client.generate({ prompt: "a red apple", steps: 2, seed: 7 });
console.log("PNG of", (await images[0].bytes()).length, "bytes");
await client.dispose();
`;
const drawn = /PNG of \d{3,} bytes/;
const native = "--external:@latentkit/backend-local --external:sharp";

/** Every bundler that is tried. */
export const bundles: readonly Bundle[] = [
  {
    name: "esbuild",
    packages: ["esbuild"],
    files: { "app.mjs": program },
    commands: [
      `npx esbuild app.mjs --bundle --platform=node --format=esm --outfile=out/app.mjs ${native}`,
      "node out/app.mjs",
    ],
    expect: drawn,
    line: native,
  },
  {
    name: "esbuild, everything but native packages in the bundle",
    packages: ["esbuild"],
    files: { "app.mjs": program },
    commands: [
      "npx esbuild app.mjs --bundle --platform=node --format=esm --outfile=whole/app.mjs --external:sharp --external:@huggingface/tokenizers --external:@latentkit/tiny-model",
      "node whole/app.mjs",
    ],
    expect: drawn,
  },
  {
    name: "webpack 5",
    packages: ["webpack@5", "webpack-cli"],
    files: {
      "app.mjs": program,
      "webpack.config.mjs": `export default {
  mode: "production",
  target: "node22",
  entry: "./app.mjs",
  experiments: { outputModule: true },
  output: { filename: "app.mjs", path: import.meta.dirname + "/packed", module: true },
  externals: ["@latentkit/backend-local", "sharp"],
  externalsType: "module",
};
`,
    },
    commands: ["npx webpack", "node packed/app.mjs"],
    expect: drawn,
    line: 'externals: ["@latentkit/backend-local", "sharp"]',
  },
  {
    name: "Vite SSR",
    packages: ["vite"],
    files: {
      "app.mjs": program,
      "vite.config.mjs": `export default { build: { ssr: "app.mjs", outDir: "ssr", target: "node22" } };\n`,
    },
    commands: ["npx vite build", "node ssr/app.js"],
    expect: drawn,
  },
  {
    name: "Next 16, standalone",
    packages: ["next@16", "react", "react-dom"],
    files: {
      "next.config.mjs": `export default { output: "standalone", serverExternalPackages: ["@latentkit/backend-local", "@latentkit/core"], outputFileTracingIncludes: { "/**": ["./node_modules/@latentkit/**/*", "./node_modules/onnxruntime-common/**/*"] } };\n`,
      "app/layout.jsx": `export default function Layout({ children }) { return <html><body>{children}</body></html>; }\n`,
      "app/page.jsx": `export default function Page() { return <img src="/draw" />; }\n`,
      "app/draw/route.js": `import { local } from "@latentkit/backend-local";
import { createClient } from "@latentkit/core";

const client = createClient({ backend: local() });
export const dynamic = "force-dynamic";
export async function GET() {
  const { images } = await client.generate({ prompt: "a red apple", steps: 2, seed: 7 });
  return images[0].toResponse();
}
`,
      "visit.mjs": `import { spawn } from "node:child_process";
const server = spawn(process.execPath, ["server.js"], { cwd: process.argv[2], env: { ...process.env, PORT: "0", HOSTNAME: "127.0.0.1" } });
let told = "";
const address = await new Promise((resolve, reject) => {
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (text) => {
    told += text;
    const found = /http:\\/\\/127\\.0\\.0\\.1:\\d+/.exec(told);
    if (found) resolve(found[0]);
  });
  server.once("exit", () => reject(new Error(told)));
});
const response = await fetch(address + "/draw");
console.log(response.status, response.headers.get("content-type"), "PNG of", (await response.arrayBuffer()).byteLength, "bytes");
if (!response.ok) console.log(told);
server.kill();
`,
    },
    commands: [
      "npx next build",
      "rm -rf alone && cp -r .next/standalone alone && mv node_modules elsewhere && node visit.mjs alone",
    ],
    expect: /200 image\/png PNG of \d{3,} bytes/,
    line: 'outputFileTracingIncludes: { "/**": ["./node_modules/@latentkit/**/*", "./node_modules/onnxruntime-common/**/*"] }',
  },
  {
    name: "next dev, a route changed again and again",
    packages: ["next@16", "react", "react-dom"],
    files: {
      "next.config.mjs": `export default { serverExternalPackages: ["@latentkit/backend-local", "@latentkit/core"] };\n`,
      "app/layout.jsx": `export default function Layout({ children }) { return <html><body>{children}</body></html>; }\n`,
      "app/draw/route.js": `import { local } from "@latentkit/backend-local";
import { createClient } from "@latentkit/core";

const client = createClient({ backend: local() });
export const dynamic = "force-dynamic";
export async function GET() {
  const { images } = await client.generate({ prompt: "a red apple", steps: 2, seed: 7 });
  return images[0].toResponse({ headers: { "x-edit": "0" } });
}
`,
      "develop.mjs": `import { execSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
const server = spawn(process.execPath, ["node_modules/next/dist/bin/next", "dev", "-p", "0", "-H", "127.0.0.1"]);
let told = "";
const address = await new Promise((resolve, reject) => {
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (text) => {
    told += text;
    const found = /http:\\/\\/127\\.0\\.0\\.1:\\d+/.exec(told);
    if (found) resolve(found[0]);
  });
  server.once("exit", () => reject(new Error(told)));
});
const engines = () => execSync("ps -eo args").toString().split("\\n").filter((line) => line.includes(process.cwd()) && /engine[/]main/.test(line)).length;
const route = "app/draw/route.js";
const most = [];
for (let i = 0; i < 5; i++) {
  writeFileSync(route, readFileSync(route, "utf8").replace(/"x-edit": "\\d+"/, '"x-edit": "' + i + '"'));
  let response;
  for (let k = 0; k < 60; k++) {
    response = await fetch(address + "/draw");
    await response.arrayBuffer();
    if (response.headers.get("x-edit") === String(i)) break;
    await setTimeout(500);
  }
  most.push(response.headers.get("x-edit") === String(i) ? engines() : NaN);
}
server.kill();
await setTimeout(5000);
console.log("engines after each change:", most.join(" ") + "; after the server's end:", engines());
`,
    },
    commands: ["node develop.mjs"],
    expect: /engines after each change: 1 1 1 1 1; after the server's end: 0/,
    line: 'serverExternalPackages: ["@latentkit/backend-local", "@latentkit/core"]',
  },
];
