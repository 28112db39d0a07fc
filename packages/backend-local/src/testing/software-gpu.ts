import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

/** A Vulkan device that the CPU plays. */
export interface SoftwareGpu {
  readonly name: string;
  /** What a process's environment needs from its start. */
  readonly env: Readonly<Record<string, string>>;
}

/** Where probes of tests are kept: not among the user's. */
const cache = { XDG_CACHE_HOME: join(tmpdir(), "latentkit-test-cache") };

/**
 * The software GPUs of this machine: Chromium's SwiftShader, which has no float16, from the npm package @sparticuz/chromium; and what VK_DRIVER_FILES
 * names, or Mesa's lavapipe where it is installed (Debian: mesa-vulkan-drivers 25 and newer), which has. None but on x86-64 Linux.
 */
export function softwareGpus(): SoftwareGpu[] {
  if (process.platform !== "linux" || process.arch !== "x64") return [];
  return [swiftShader(), installed()].filter((gpu) => gpu !== undefined);
}

function swiftShader(): SoftwareGpu | undefined {
  const packed = swiftShaderArchive();
  if (packed === undefined) return undefined;
  const folder = join(tmpdir(), `latentkit-swiftshader-${packed.version}`);
  if (!existsSync(folder)) unpack(packed.file, folder);
  return {
    name: "SwiftShader",
    env: { ...cache, LD_LIBRARY_PATH: folder, VK_DRIVER_FILES: join(folder, "vk_swiftshader_icd.json") },
  };
}

function swiftShaderArchive(): { file: string; version: string } | undefined {
  try {
    // The package exports no more than its code.
    const main = createRequire(import.meta.url).resolve("@sparticuz/chromium");
    const root = main.slice(0, main.lastIndexOf("chromium") + "chromium".length);
    const file = join(root, "bin", "swiftshader.tar.br");
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    return existsSync(file) ? { file, version } : undefined;
  } catch {
    return undefined;
  }
}

function unpack(file: string, folder: string): void {
  const own = mkdtempSync(`${folder}-`);
  const archive = join(own, "archive.tar");
  writeFileSync(archive, brotliDecompressSync(readFileSync(file)));
  execFileSync("tar", ["-xf", archive, "-C", own]);
  rmSync(archive);
  try {
    renameSync(own, folder);
  } catch {
    // Another test was faster.
    rmSync(own, { recursive: true });
  }
}

function installed(): SoftwareGpu | undefined {
  const { VK_DRIVER_FILES: named, LD_LIBRARY_PATH: libraries } = process.env;
  if (named)
    return {
      name: "VK_DRIVER_FILES",
      env: { ...cache, VK_DRIVER_FILES: named, ...(libraries ? { LD_LIBRARY_PATH: libraries } : {}) },
    };
  const folder = "/usr/share/vulkan/icd.d";
  const manifest = existsSync(folder) ? readdirSync(folder).find((file) => file.startsWith("lvp_icd")) : undefined;
  if (manifest === undefined) return undefined;
  return { name: "lavapipe", env: { ...cache, VK_DRIVER_FILES: join(folder, manifest) } };
}
