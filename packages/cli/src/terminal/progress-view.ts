import { styleText } from "node:util";
import type { GeneratedImage, GenerationEvent, Pixels, PreviewEvent, ProgressEvent } from "@latentkit/core";
import type { SavedImage } from "../generate/saver.ts";
import { drawPicture } from "./picture.ts";
import { printable } from "./printable.ts";

/** What is seen of a job while it runs. */
export interface ProgressView {
  update(event: GenerationEvent): void;
  /** A line that stays. */
  print(line: string): void;
  /** A finished picture and where it lies. */
  picture(image: GeneratedImage, saved: SavedImage): Promise<void>;
  close(): void;
}

/** How a preview's pixels are had. */
export type DecodePreview = (event: PreviewEvent) => Promise<Pixels>;

/** Whether lines can be redrawn and pictures shown. */
export function isTerminal(stream: NodeJS.WritableStream): stream is NodeJS.WriteStream {
  return (stream as NodeJS.WriteStream).isTTY === true && process.env.TERM !== "dumb";
}

/**
 * A bar with step and time left, the previews above it, and the finished pictures, on a terminal; elsewhere only the
 * lines that stay.
 */
export async function progressView(stream: NodeJS.WritableStream, decode: DecodePreview): Promise<ProgressView> {
  const print = (line: string) => void stream.write(`${line}\n`);
  if (!isTerminal(stream)) {
    return { update: () => {}, print: (line) => print(printable(line)), picture: async () => {}, close: () => {} };
  }
  const { LiveView } = await import("./live-view.ts");
  const live = new LiveView(stream);
  return {
    update(event) {
      if (event.type === "started") live.size = sizeOf(event.resolved) ?? live.size;
      if (event.type === "preview") live.preview(() => decode(event));
      const line = statusLine(event, stream.columns ?? 80);
      if (line !== undefined) live.status(line);
    },
    print: (line) => live.print(printable(line)),
    async picture(image, { path, seed, width, height }) {
      const drawing = await drawPicture(image, stream);
      live.forget();
      if (drawing !== undefined) print(drawing);
      print(`${styleText("bold", path, { stream })}  ${width}×${height}${seed === null ? "" : `, seed ${seed}`}`);
    },
    close: () => live.close(),
  };
}

function sizeOf({ width, height }: { width?: number | undefined; height?: number | undefined } = {}) {
  return width === undefined || height === undefined ? undefined : { width, height };
}

function statusLine(event: GenerationEvent, columns: number): string | undefined {
  if (event.type === "queued") return event.position ? `queued, ${event.position} ahead` : "queued";
  if (event.type === "started") return "started";
  return event.type === "progress" ? progressLine(event, columns) : undefined;
}

const phaseNames: Readonly<Record<string, string>> = {
  load: "loading",
  upload: "uploading",
  encode: "reading the prompt",
  sample: "sampling",
  decode: "decoding",
  download: "downloading",
};

/** One line of at most `columns`: phase, a bar of the whole job where its share is known, steps, time left. */
export function progressLine({ phase, step, steps, etaMs, index, fraction }: ProgressEvent, columns: number): string {
  const name = `${index === undefined || index === 0 ? "" : `picture ${index + 1}: `}${phaseNames[phase] ?? phase}`;
  const isDone = fraction === undefined ? step >= steps : fraction >= 1;
  const counts = ` ${step}/${steps}${etaMs === undefined || isDone ? "" : `, ${formatTime(etaMs)} left`}`;
  const share = fraction ?? (steps > 0 ? step / steps : undefined);
  const room = Math.min(40, columns - name.length - counts.length - 2);
  return room < 8 || share === undefined ? `${name}${counts}` : `${name} ${bar(share, room)}${counts}`;
}

/** A bar of `width` characters. */
export function bar(fraction: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return "█".repeat(full) + "░".repeat(width - full);
}

function formatTime(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
