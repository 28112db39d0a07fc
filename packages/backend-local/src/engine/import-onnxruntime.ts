import { createRequire } from "node:module";
import { EngineError } from "@latentkit/core";

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
 * onnxruntime for this platform: onnxruntime-node where somebody installed it beside this package (it can fetch CUDA), in the
 * release that this package is made for; else the package of this platform.
 *
 * @throws EngineError that says what to install.
 */
export async function importOnnxruntime(): Promise<Onnxruntime> {
  if (hasOnnxruntimeNode()) return load("onnxruntime-node", () => import("onnxruntime-node"));
  const platform = `${process.platform}-${process.arch}`;
  const importing = packages[platform];
  if (importing === undefined) {
    const there = Object.keys(packages).join(", ");
    throw new EngineError(`There is no onnxruntime for ${platform}; there is one for ${there}.`, notRetryable());
  }
  return load(`@latentkit/onnxruntime-${platform}`, importing);
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
