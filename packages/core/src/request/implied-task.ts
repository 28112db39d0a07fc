import type { Task } from "./request.ts";

/** The task of a request that names none: by the pictures it brings, and by what is to be done to them. */
export function impliedTask(request: Readonly<Record<string, unknown>>): Task {
  const has = (field: string) => request[field] !== undefined;
  if (has("mask")) return "inpaint";
  if (!has("image")) return "text-to-image";
  if (["left", "right", "top", "bottom"].some(has)) return "outpaint";
  return has("scale") || has("redraw") ? "upscale" : "image-to-image";
}
