import { spawn } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

/** How a command ended. */
export interface Outcome {
  code: number;
  output: string;
  seconds: number;
}

/** Empty folders outside the repository, with caches of their own: what is measured is a first install. */
export class Sandbox {
  readonly folder = mkdtempSync(join(tmpdir(), "latentkit-install-"));
  readonly #programs = new Set<string>([dirname(process.execPath)]);

  /** A folder with these files. */
  project(name: string, files: Readonly<Record<string, string>>): string {
    const folder = join(this.folder, name.replace(/\W+/g, "-"));
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
    return folder;
  }

  /** Runs a shell command to its end. A command that hangs is ended, with code 124. */
  run(command: string, cwd: string, env: NodeJS.ProcessEnv = {}, limitMs = 300_000): Promise<Outcome> {
    const startedAt = performance.now();
    const cache = (name: string) => join(this.folder, "caches", name);
    const PATH = [...this.#programs, process.env.PATH].join(delimiter);
    const caches = {
      npm_config_cache: cache("npm"),
      npm_config_store_dir: cache("pnpm"),
      BUN_INSTALL_CACHE_DIR: cache("bun"),
      DENO_DIR: cache("deno"),
      // Where Yarn remembers what registries said, with addresses.
      YARN_GLOBAL_FOLDER: cache("yarn"),
      COREPACK_ENABLE_DOWNLOAD_PROMPT: "0",
      NEXT_TELEMETRY_DISABLED: "1",
    };
    const child = spawn(command, {
      cwd,
      shell: true,
      detached: process.platform !== "win32",
      env: { ...withoutNpm(process.env), ...caches, PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    return new Promise((done) => {
      const end = (code: number) => done({ code, output, seconds: (performance.now() - startedAt) / 1000 });
      const timer = setTimeout(() => {
        if (child.pid !== undefined) process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
        end(124);
      }, limitMs);
      child.once("error", () => end(127));
      child.once("close", (code) => {
        clearTimeout(timer);
        end(code ?? 1);
      });
    });
  }

  /** Brings a program from npm's registry onto the PATH of what is run later. @returns why not, where it could not. */
  async bring(tool: { package: string; version: string }): Promise<string | undefined> {
    const folder = this.project("tools", { "package.json": '{ "private": true }' });
    const spec = `${tool.package}@${tool.version}`;
    const { code, output } = await this.run(`npm install --no-audit --no-fund ${spec}`, folder);
    this.#programs.add(join(folder, "node_modules", ".bin"));
    return code === 0 ? undefined : `${spec} cannot be had: ${output.trim().split("\n").at(-1)}`;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Settings that npm gives to the scripts it runs, such as this one, are not the new project's. */
function withoutNpm(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = ["npm_config_registry"];
  const own = ([name]: [string, unknown]) => !/^(npm_|pnpm_|NODE_OPTIONS)/i.test(name) || kept.includes(name);
  return Object.fromEntries(Object.entries(env).filter(own));
}

/** Bytes of the files under a folder; a file that several names lead to is counted once. */
export function sizeOf(folder: string, seen = new Set<number>()): number {
  let total = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) total += sizeOf(path, seen);
    else if (entry.isFile()) {
      const { ino, size } = lstatSync(path);
      if (!seen.has(ino)) total += size;
      seen.add(ino);
    }
  }
  return total;
}
