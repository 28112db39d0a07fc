/**
 * Packs gpu.ts with Node, onnxruntime and (where given) CUDA's provider into parts that can be carried to a bare machine: x86-64 Linux, without Node or a network.
 *
 *     node tools/bench/gpu-pack.ts FOLDER [--cuda FOLDER] [--python FOLDER] [--part MiB]
 *
 * --cuda holds libonnxruntime_providers_cuda.so and libonnxruntime_providers_shared.so of the same version; --python what `pip install --target FOLDER diffusers`
 * gives, for torch's figures, where the machine's Python has torch alone. A part is 60 MiB at most. There, with all parts in one folder: `sh run.sh [arguments of gpu.ts]`.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const local = join(here, "..", "..", "packages", "backend-local");
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { cuda: { type: "string" }, python: { type: "string" }, part: { type: "string", default: "60" } },
});
const [folder] = positionals;
if (folder === undefined) throw new Error("gpu-pack.ts: name the folder to fill");
const out = resolve(folder);
const work = mkdtempSync(join(tmpdir(), "latentkit-gpu-pack-"));

await build({
  entryPoints: [join(here, "gpu.ts")],
  outfile: join(work, "gpu.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node22",
  conditions: ["latentkit-source"],
  external: ["onnxruntime-node", "@latentkit/onnxruntime-*", "sharp"],
  // What is CommonJS among the libraries asks for modules of Node's.
  banner: {
    js: 'import { createRequire as requireOfBundle } from "node:module"; const require = requireOfBundle(import.meta.url);',
  },
});
cpSync(join(here, "gpu_torch.py"), join(work, "gpu_torch.py"));
cpSync(realpathSync(process.execPath), join(work, "node"));

const runtime = dirname(createRequire(join(local, "package.json")).resolve("onnxruntime-node/package.json"));
// Its package.json is none of its exports.
const commonMain = createRequire(join(realpathSync(runtime), "package.json")).resolve("onnxruntime-common");
const common = commonMain.slice(0, commonMain.lastIndexOf("onnxruntime-common") + "onnxruntime-common".length);
const libraries = join(work, "node_modules", "onnxruntime-node", "bin", "napi-v6", "linux", "x64");
for (const part of ["package.json", "dist", "lib", join("bin", "napi-v6", "linux", "x64")]) {
  const from = join(runtime, part);
  if (existsSync(from))
    cpSync(from, join(work, "node_modules", "onnxruntime-node", part), { recursive: true, dereference: true });
}
cpSync(common, join(work, "node_modules", "onnxruntime-common"), { recursive: true, dereference: true });
if (flags.cuda !== undefined)
  for (const name of readdirSync(flags.cuda).filter((file) => file.startsWith("libonnxruntime_providers_")))
    cpSync(join(flags.cuda, name), join(libraries, name));
if (flags.python !== undefined) cpSync(flags.python, join(work, "python"), { recursive: true });

mkdirSync(out, { recursive: true });
for (const old of readdirSync(out).filter((name) => name.startsWith("part."))) rmSync(join(out, old));
const archive = join(work, "..", `latentkit-gpu-${process.pid}.tar.xz`);
execFileSync("tar", ["-cJf", archive, "-C", work, "."], { env: { ...process.env, XZ_OPT: "-T0 -6" } });
execFileSync("split", ["-b", `${flags.part}M`, "-d", "-a", "2", archive, join(out, "part.")]);
rmSync(archive);
rmSync(work, { recursive: true });
writeFileSync(join(out, "run.sh"), script());
process.stdout.write(`${readdirSync(out).join(" ")}\n`);

/** Joins, unpacks and runs. Where Python has NVIDIA's libraries as packages, they are found. */
function script(): string {
  return `#!/bin/sh
# Arguments are those of tools/bench/gpu.ts. Needs tar, and xz or Python.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
to="\${LATENTKIT_GPU_FOLDER:-/tmp/latentkit-gpu}"
python="\${LATENTKIT_PYTHON:-python3}"
if [ ! -x "$to/node" ]; then
  mkdir -p "$to"
  cat "$here"/part.* > "$to/all.tar.xz"
  if command -v xz > /dev/null; then xz -dc "$to/all.tar.xz" | tar -xf - -C "$to"
  else "$python" -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$to/all.tar.xz" "$to"; fi
  rm "$to/all.tar.xz"
fi
lib="$to/node_modules/onnxruntime-node/bin/napi-v6/linux/x64"
packages="$("$python" -c 'import glob, sysconfig; print(":".join(sorted(glob.glob(sysconfig.get_paths()["purelib"] + "/nvidia/*/lib"))))' 2> /dev/null || true)"
# The provider opens cuDNN by a name that the packages do not have.
mkdir -p "$to/links"
for folder in $(echo "$packages" | tr : ' '); do
  for file in "$folder"/libcudnn*.so.9; do [ -e "$file" ] && ln -sf "$file" "$to/links/$(basename "\${file%.9}")"; done
done || true
export LD_LIBRARY_PATH="$lib:$to/links:$packages:/usr/local/nvidia/lib64\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
[ -d "$to/python" ] && export PYTHONPATH="$to/python\${PYTHONPATH:+:$PYTHONPATH}"
export ORT_DISABLE_TELEMETRY=1 LATENTKIT_PYTHON="$python" LATENTKIT_ONNXRUNTIME="$to/node_modules/onnxruntime-node"
exec "$to/node" "$to/gpu.mjs" "$@"
`;
}
