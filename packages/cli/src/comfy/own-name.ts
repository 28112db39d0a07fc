import { basename } from "node:path";

/** Endings of what workflows make; nothing on this machine runs a file of these, or reads it as its settings. */
const made =
  /\.(?:png|jpe?g|webp|gif|avif|tiff?|bmp|exr|hdr|mp4|webm|mkv|mov|avi|wav|mp3|flac|ogg|opus|m4a|aac|glb|gltf|obj|ply|stl|splat|ksplat|spz|usdz|fbx|safetensors|latent|txt|srt|vtt|csv)$/i;

/** A name that a server may choose in the working folder: no hidden file, and no program's or configuration's. */
export function ownName(filename: string): string {
  const name = basename(filename.replaceAll("\\", "/")).replace(/[^\p{L}\p{N} ._()-]/gu, "_");
  const shown = name.replace(/^\.+/, "") || "file";
  return made.test(shown) ? shown : `${shown}.bin`;
}
