import { type ChildProcess, fork } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { decoderExecArgv } from "../../decoder-entry.ts";
import { plugAndPlay } from "../../plug-and-play.ts";
import type { Pixels } from "../pixels.ts";
import type { DecoderOptions } from "./decode-with-sharp.ts";
import { type Frame, readFrames, writeFrame } from "./frames.ts";

/** Names under which programs keep credentials. */
const secretName = /token|secret|password|passwd|credential|api_?key|access_?key|private_?key|auth|database_url|_dsn$/i;

/** The decoder ended in the middle of a picture, killed or by itself. */
export class DecoderLost extends Error {
  override readonly name = "DecoderLost";
}

/** What a picture is decoded to: its own size, where nothing is returned. */
export type ChooseSize = (own: { width: number; height: number }) => { width: number; height: number } | undefined;

/** A process that decodes one picture after another, and can be ended at any moment. */
export class DecoderProcess {
  readonly #child: ChildProcess & { stdin: Writable; stdout: Readable };
  readonly #frames: AsyncGenerator<Frame, void, void>;
  #gone = false;

  /** @throws when no process can be started. */
  constructor(program: string) {
    // Loaders, inspectors and hooks that this process was started with are not the decoder's; nor are its secrets.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS" && !secretName.test(name)),
    );
    this.#child = fork(program, [], {
      execArgv: [...plugAndPlay(), ...decoderExecArgv],
      env,
      // What libraries write to stderr about strangers' files is nobody's news.
      stdio: ["pipe", "pipe", "ignore", "ipc"],
      windowsHide: true,
    }) as ChildProcess & { stdin: Writable; stdout: Readable };
    this.#child.once("error", () => this.end());
    this.#child.once("exit", () => {
      this.#gone = true;
    });
    this.#child.stdin.on("error", () => {});
    this.#frames = readFrames(this.#child.stdout);
    this.#hold(false);
  }

  /** Whether it can take another picture. */
  get isUsable(): boolean {
    return !this.#gone;
  }

  /**
   * @throws Error with the decoder's reason, DecoderLost when the process ended.
   */
  async decode(parts: readonly Uint8Array[], options: DecoderOptions, choose: ChooseSize): Promise<Pixels> {
    this.#hold(true);
    try {
      await this.#send(options, parts);
      const size = await this.#next();
      await this.#send(this.#chosen(choose, { width: Number(size.head.width), height: Number(size.head.height) }));
      const { head, bytes } = await this.#next();
      const { width, height, channels } = head as unknown as Omit<Pixels, "data">;
      return { width, height, channels, data: bytes };
    } finally {
      this.#hold(false);
    }
  }

  /** A size that is refused leaves the process waiting for one: the next picture would be taken for it. */
  #chosen(choose: ChooseSize, own: { width: number; height: number }): object {
    try {
      return choose(own) ?? {};
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** Ends it at once, in the middle of a picture too. */
  end(): void {
    this.#gone = true;
    this.#child.kill("SIGKILL");
  }

  async #send(head: object, parts: readonly Uint8Array[] = []): Promise<void> {
    await writeFrame(this.#child.stdin, head, parts).catch((cause: unknown) => {
      throw new DecoderLost("the decoder's process ended", { cause });
    });
  }

  async #next(): Promise<Frame> {
    const next = await this.#frames.next().catch(() => ({ done: true as const, value: undefined }));
    if (next.done === true || next.value === undefined) {
      this.end();
      throw new DecoderLost("the decoder's process ended");
    }
    if (next.value.head.type === "failed") throw new Error(String(next.value.head.message));
    return next.value;
  }

  /** Work keeps this process alive, an idle decoder does not. */
  #hold(alive: boolean): void {
    const what = alive ? "ref" : "unref";
    const pipes = [this.#child.stdin, this.#child.stdout, this.#child.channel] as unknown as (
      | Holdable
      | null
      | undefined
    )[];
    // A stream that was referenced again never lets one of Bun's programs end.
    const held = alive && process.versions.bun !== undefined ? [] : pipes;
    for (const each of [this.#child as Holdable, ...held]) each?.[what]?.();
  }
}

interface Holdable {
  ref?(): void;
  unref?(): void;
}
