import type { Pixels } from "@latentkit/core";
import { createLogUpdate } from "log-update";
import { type Drawing, drawPreview, forgetPreview, graphicsOf } from "./drawing.ts";
import type { Size } from "./resize.ts";

/** A preview that is still to be decoded. */
export type Undrawn = () => Promise<Pixels>;

/** The part of the terminal that is drawn anew: the newest preview, and the status below it. */
export class LiveView {
  /** The finished picture's size, once it is known. */
  size: Size | undefined;
  readonly #stream: NodeJS.WriteStream;
  readonly #live: ReturnType<typeof createLogUpdate>;
  #status = "";
  #drawing: Drawing | undefined;
  /** The newest preview that came while another was drawn: the ones between are left out. */
  #next: Undrawn | undefined;
  #isDrawing = false;
  /** Goes up when what is being drawn belongs to a picture that is done. */
  #epoch = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#live = createLogUpdate(stream);
  }

  status(line: string): void {
    this.#status = line;
    this.#live(this.#frame());
  }

  /** Draws a preview as soon as the one before is drawn. One that cannot be decoded is passed over. */
  preview(undrawn: Undrawn): void {
    this.#next = undrawn;
    if (!this.#isDrawing) void this.#drawAll();
  }

  /** Writes lines that stay above. */
  print(text: string): void {
    this.#erase();
    this.#stream.write(`${text}\n`);
    if (this.#drawing !== undefined) this.#render();
  }

  /** Takes the preview away: its picture is finished. */
  forget(): void {
    this.#epoch++;
    this.#erase();
    this.#next = undefined;
    this.#drawing = undefined;
  }

  close(): void {
    this.forget();
    this.#live.done();
  }

  async #drawAll(): Promise<void> {
    const graphics = graphicsOf(this.#stream);
    this.#isDrawing = true;
    for (let next = this.#take(); next !== undefined && graphics !== undefined; next = this.#take()) {
      const epoch = this.#epoch;
      const drawing = await next()
        .then((pixels) => drawPreview(pixels, graphics, this.#stream, this.size))
        .catch(() => undefined);
      if (drawing === undefined || epoch !== this.#epoch) continue;
      this.#drawing = drawing;
      this.#render();
    }
    this.#isDrawing = false;
  }

  #take(): Undrawn | undefined {
    const next = this.#next;
    this.#next = undefined;
    return next;
  }

  #render(): void {
    this.#live(this.#frame());
    const { rows, overlay } = this.#drawing!;
    // The cursor stands below the status line: up to the first line of the picture, and back.
    if (overlay !== undefined) this.#stream.write(`\u001B7\u001B[${rows + 1}A\r${overlay}\u001B8`);
  }

  #frame(): string {
    if (this.#drawing === undefined) return this.#status;
    const { rows, lines = "\n".repeat(rows - 1) } = this.#drawing;
    return `${lines}\n${this.#status}`;
  }

  #erase(): void {
    if (this.#drawing?.overlay?.startsWith("\u001B_G")) this.#stream.write(forgetPreview);
    this.#live.clear();
  }
}
