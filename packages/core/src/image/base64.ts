import type { Bytes } from "./image-file.ts";

/** Characters that are made into text at once: more are too many arguments. */
const piece = 0x8000;

/** Base64 of bytes; in a browser as well. */
export function toBase64(bytes: Uint8Array): string {
  if (typeof Buffer === "function") {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  }
  let text = "";
  for (let i = 0; i < bytes.length; i += piece) text += String.fromCharCode(...bytes.subarray(i, i + piece));
  return btoa(text);
}

/** Bytes of base64; in a browser as well. */
export function fromBase64(base64: string): Bytes {
  if (typeof Buffer === "function") return Buffer.from(base64, "base64");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
