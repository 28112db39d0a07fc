import { accessSync, constants, readdirSync, rmSync, statfsSync } from "node:fs";
import { type FileHandle, open, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, parse, sep } from "node:path";

const prefix = "latentkit-weights-";

/**
 * A file in the system's folder for temporary ones that holds weights as a device takes them, for as long as it takes to load them: from a file they are
 * mapped, where in memory they would be held twice.
 */
export class WeightFile {
  readonly #path: string;
  readonly #root: string;
  readonly #location: string;
  #file: FileHandle | undefined;
  #length = 0;

  /** `root` is the folder that weights' places are relative to: the file system's, or a drive's. */
  constructor(root: string) {
    this.#path = join(folder(), `${prefix}${process.pid}-${process.hrtime.bigint().toString(36)}`);
    this.#root = root;
    this.#location = this.#path.slice(root.length).replaceAll(sep, "/");
  }

  /**
   * Adds bytes, and says where they are.
   *
   * @throws Error that says what is wrong with the folder.
   */
  async add(bytes: Uint8Array): Promise<{ location: string; offset: number; length: number }> {
    const offset = this.#length;
    try {
      await this.#write(bytes);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const help = "set TMPDIR (on Windows TEMP) to a folder with room";
      throw new Error(`weights are made ready for it in ${dirname(this.#path)}, which fails (${reason}): ${help}`, {
        cause,
      });
    }
    return { location: this.#location, offset, length: bytes.length };
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#file === undefined) {
      if (parse(this.#path).root !== this.#root) throw new Error(`it is not on ${this.#root}, where the model is`);
      removeLeft(dirname(this.#path));
      this.#file = await open(this.#path, "wx", 0o600);
    }
    const offset = this.#length;
    for (let written = 0; written < bytes.length; )
      written += (await this.#file.write(bytes, written, bytes.length - written, offset + written)).bytesWritten;
    // As typed arrays want it.
    this.#length = Math.ceil((offset + bytes.length) / 64) * 64;
  }

  /** Whether so many bytes would fit. */
  async hasRoom(bytes: number): Promise<boolean> {
    try {
      const { bavail, bsize } = await statfs(dirname(this.#path));
      return parse(this.#path).root === this.#root && bavail * bsize > 1.1 * bytes;
    } catch {
      return false;
    }
  }

  async remove(): Promise<void> {
    if (this.#file === undefined) return;
    await this.#file.close();
    remove(this.#path);
  }
}

/** Linux's number of a file system that lies in memory. */
const inMemory = 0x01021994;

/** The system's folder for temporary files; one on a disk where that lies in memory, which would hold weights twice. */
function folder(): string {
  const own = tmpdir();
  if (process.env.TMPDIR !== undefined || process.platform !== "linux") return own;
  try {
    if (statfsSync(own).type !== inMemory) return own;
    accessSync("/var/tmp", constants.W_OK);
    return "/var/tmp";
  } catch {
    return own;
  }
}

/** What engines left that were ended while they loaded. */
function removeLeft(from: string): void {
  for (const name of readdirSync(from).filter((each) => each.startsWith(prefix))) {
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (Number.isInteger(pid) && !isAlive(pid)) remove(join(from, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Another's, or still mapped: the system's own cleaning takes it.
  }
}
