import { styleText } from "node:util";
import type { GeneratedImage, GenerationEvent, ProgressEvent } from "@latentkit/core";
import type { SavedImage } from "../generate/saver.ts";
import { drawPicture } from "./picture.ts";

/** What is seen of a job while it runs. */
export interface ProgressView {
  update(event: GenerationEvent): void;
  /** A line that stays. */
  print(line: string): void;
  /** A finished picture and where it lies. */
  picture(image: GeneratedImage, saved: SavedImage): Promise<void>;
  close(): void;
}

/** Whether lines can be redrawn and pictures shown. */
export function isTerminal(stream: NodeJS.WritableStream): stream is NodeJS.WriteStream {
  return (stream as NodeJS.WriteStream).isTTY === true && process.env.TERM !== "dumb";
}

/** A bar with step and time left, and the pictures, on a terminal; elsewhere only the lines that stay. */
export async function progressView(stream: NodeJS.WritableStream): Promise<ProgressView> {
  const print = (line: string) => void stream.write(`${line}\n`);
  if (!isTerminal(stream)) {
    return { update: () => {}, print, picture: async () => {}, close: () => {} };
  }
  const { createLogUpdate } = await import("log-update");
  const live = createLogUpdate(stream);
  return {
    update(event) {
      const line = statusLine(event, stream.columns ?? 80);
      if (line !== undefined) live(line);
    },
    print(line) {
      live.clear();
      print(line);
    },
    async picture(image, { path, seed, width, height }) {
      const drawing = await drawPicture(image, stream);
      live.clear();
      if (drawing !== undefined) print(drawing);
      print(`${styleText("bold", path, { stream })}  ${width}×${height}${seed === null ? "" : `, seed ${seed}`}`);
    },
    close: () => {
      live.clear();
      live.done();
    },
  };
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

/** One line of at most `columns`: phase, bar, steps, time left. */
export function progressLine({ phase, step, steps, etaMs, index }: ProgressEvent, columns: number): string {
  const name = `${index === undefined || index === 0 ? "" : `picture ${index + 1}: `}${phaseNames[phase] ?? phase}`;
  const counts = ` ${step}/${steps}${etaMs === undefined || step >= steps ? "" : `, ${formatTime(etaMs)} left`}`;
  const room = Math.min(40, columns - name.length - counts.length - 2);
  return room < 8 || steps <= 0 ? `${name}${counts}` : `${name} ${bar(step / steps, room)}${counts}`;
}

function bar(fraction: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return "█".repeat(full) + "░".repeat(width - full);
}

function formatTime(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
