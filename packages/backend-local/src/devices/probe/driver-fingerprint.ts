import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { arch, platform, release } from "node:os";
import { join } from "node:path";

/** Variables that decide which driver and device a graphics or CUDA library takes. */
const variables = [
  "VK_DRIVER_FILES",
  "VK_ICD_FILENAMES",
  "VK_ADD_DRIVER_FILES",
  "VK_LOADER_DRIVERS_SELECT",
  "VK_LOADER_DRIVERS_DISABLE",
  "MESA_VK_DEVICE_SELECT",
  "DRI_PRIME",
  "CUDA_VISIBLE_DEVICES",
  "LD_LIBRARY_PATH",
];

/** Where Vulkan's loader looks for drivers on Linux. */
const driverFolders = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/** Where the loader and the drivers that those name lie, on most distributions. */
const libraryFolders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];

/**
 * Changes when a driver, a card or the system does, as far as files tell: on Linux the drivers' manifests and libraries, NVIDIA's version, and
 * the cards' ids; elsewhere the system's version.
 */
export function driverFingerprint(env: NodeJS.ProcessEnv = process.env): string {
  const facts: unknown[] = [platform(), arch(), release(), variables.map((name) => env[name] ?? null)];
  if (platform() === "linux") {
    facts.push(read("/proc/driver/nvidia/version"));
    const named = [env["VK_DRIVER_FILES"], env["VK_ICD_FILENAMES"], env["VK_ADD_DRIVER_FILES"]];
    const files = named.flatMap((paths) => paths?.split(":") ?? []);
    facts.push([...files, ...driverFolders.flatMap((folder) => list(folder))].map(stamp));
    const libraries = libraryFolders.flatMap((folder) =>
      list(folder, /^lib(vulkan|cuda|GLX_nvidia|nvidia-gpucomp)[_.-]/),
    );
    facts.push(libraries.map(stamp));
    facts.push(cards());
  }
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

/** The cards' vendors and models, by the system's numbers. */
export function cards(): string[] {
  return list("/sys/class/drm", /^card\d+$/).map((card) =>
    ["vendor", "device"].map((name) => read(join(card, "device", name)) ?? "?").join(":"),
  );
}

function list(folder: string, names = /./): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => names.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function stamp(file: string): string {
  try {
    const { size, mtimeMs } = statSync(file);
    return `${file} ${size} ${mtimeMs}`;
  } catch {
    return `${file} -`;
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return null;
  }
}
