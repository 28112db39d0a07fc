import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { ConfigError, EngineError } from "@latentkit/core";

type Onnxruntime = typeof import("onnxruntime-node");

/** The release of onnxruntime-node that the packages of {@link packages} hold. */
const release = "1.30";

/** onnxruntime-node's own files, a package for each platform. Spelled out, so that bundlers and file tracers see them. */
const packages: Readonly<Record<string, () => Promise<unknown>>> = {
  "darwin-arm64": () => import("@latentkit/onnxruntime-darwin-arm64" as string),
  "linux-arm64": () => import("@latentkit/onnxruntime-linux-arm64" as string),
  "linux-x64": () => import("@latentkit/onnxruntime-linux-x64" as string),
  "win32-arm64": () => import("@latentkit/onnxruntime-win32-arm64" as string),
  "win32-x64": () => import("@latentkit/onnxruntime-win32-x64" as string),
};

/**
 * onnxruntime for this platform: the onnxruntime-node that lies at `place`, where one is named; else that which somebody installed beside
 * this package, in the release that this package is made for; else the package of this platform.
 *
 * @throws EngineError that says what to install, ConfigError where there is none at `place`, or one of another release.
 */
export async function importOnnxruntime(place?: string): Promise<Onnxruntime> {
  if (place !== undefined) return load(place, async () => requireFrom(place));
  if (hasOnnxruntimeNode()) return load("onnxruntime-node", () => import("onnxruntime-node"));
  const platform = `${process.platform}-${process.arch}`;
  const importing = packages[platform];
  if (importing === undefined) {
    const there = Object.keys(packages).join(", ");
    throw new EngineError(`There is no onnxruntime for ${platform}; there is one for ${there}.`, notRetryable());
  }
  return load(`@latentkit/onnxruntime-${platform}`, importing);
}

/** @throws ConfigError */
function requireFrom(place: string): unknown {
  const folder = resolve(place);
  const fail = (message: string, cause?: unknown) =>
    new ConfigError(`onnxruntime: ${message}`, { backend: "local", details: { field: "onnxruntime" }, cause });
  const require = createRequire(join(folder, "package.json"));
  let manifest: { name?: string; version?: string };
  try {
    manifest = require(join(folder, "package.json")) as typeof manifest;
  } catch (cause) {
    throw fail(`${folder} must be the folder of an onnxruntime-node package; there is no package.json in it`, cause);
  }
  const { name = "a package without a name", version = "0" } = manifest;
  if (name !== "onnxruntime-node") throw fail(`${folder} holds ${name}; it must be onnxruntime-node ${release}`);
  if (!version.startsWith(`${release}.`))
    throw fail(`${folder} holds onnxruntime-node ${version}; this version of LatentKit takes ${release}`);
  return require(folder);
}

/** Another package's onnxruntime-node, of another release, may lie where this one's would be looked for. */
function hasOnnxruntimeNode(): boolean {
  try {
    const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };
    return version.startsWith(`${release}.`);
  } catch {
    return false;
  }
}

async function load(name: string, importing: () => Promise<unknown>): Promise<Onnxruntime> {
  try {
    const module = (await importing()) as Partial<Onnxruntime> & { default?: Onnxruntime };
    // A bundler may hand over a CommonJS module as its default export alone.
    return (module.InferenceSession === undefined ? module.default : module) as Onnxruntime;
  } catch (cause) {
    if (ConfigError.isInstance(cause)) throw cause;
    const missing = /^ERR_MODULE_NOT_FOUND$|^MODULE_NOT_FOUND$/.test((cause as NodeJS.ErrnoException).code ?? "");
    const why = missing
      ? `is not installed. It comes as an optional dependency of @latentkit/backend-local: install without --omit=optional (or ` +
        `--no-optional), on a machine of the same platform${process.platform === "linux" ? "; Alpine's musl has none" : ""}.`
      : `does not load on ${process.platform}-${process.arch}: ${(cause as Error).message}`;
    throw new EngineError(`${name} ${why}`, notRetryable(cause));
  }
}

function notRetryable(cause?: unknown) {
  return { backend: "local", cause, retryable: false };
}
