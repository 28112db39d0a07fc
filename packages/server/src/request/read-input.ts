import { InvalidRequestError } from "@latentkit/core";
import type { Call, ServerContext } from "../context.ts";
import { refuse } from "../http-error.ts";
import { parseJson } from "./parse-json.ts";
import { type Body, readBody } from "./read-body.ts";
import { readForm } from "./read-form.ts";

/** A call's whole body; it counts as held until the call is answered. */
export async function bodyOf(c: Call, { options, budget }: ServerContext): Promise<Uint8Array<ArrayBuffer>> {
  const body: Body = await readBody(c.req.raw, options.maxBodyBytes, budget);
  c.set("release", body.release);
  return body.bytes;
}

/** @throws HttpError 415 for another media type: what a page of another site may send without asking is not taken. */
export async function jsonOf(c: Call, server: ServerContext): Promise<unknown> {
  const type = mediaType(c);
  if (!/^application\/([\w.-]+\+)?json$/.test(type))
    throw refuse("media_type", `The body must be application/json, not ${type || "without a type"}.`);
  return parseJson(await bodyOf(c, server));
}

/** A form's texts and files; a field that comes again is a list. */
export interface Form {
  texts: Record<string, string>;
  files: { field: string; bytes: Uint8Array; name: string }[];
}

/** @throws InvalidRequestError where the body is no whole form. */
export async function formOf(c: Call, server: ServerContext): Promise<Form> {
  const form = await readForm(await bodyOf(c, server), c.req.header("content-type") ?? "");
  const [texts, files]: [Record<string, string>, Form["files"]] = [{}, []];
  for (const [field, value] of form) {
    if (typeof value === "string") texts[field] = value;
    else files.push({ field, bytes: new Uint8Array(await value.arrayBuffer()), name: value.name });
  }
  return { texts, files };
}

/** A request of our own: JSON, or a form with the request as `request` and its files by their fields. */
export async function requestOf(
  c: Call,
  server: ServerContext,
): Promise<{ input: unknown; files?: Map<string, Uint8Array> }> {
  if (mediaType(c) !== "multipart/form-data") return { input: await jsonOf(c, server) };
  const { texts, files } = await formOf(c, server);
  if (texts.request === undefined)
    throw new InvalidRequestError([
      { field: "request", message: "is missing: a form has the request as JSON in this field" },
    ]);
  const input = parseJson(new TextEncoder().encode(texts.request), "request");
  return { input, files: new Map(files.map(({ field, bytes }) => [field, bytes])) };
}

export function mediaType(c: Call): string {
  return (c.req.header("content-type") ?? "").replace(/;.*$/s, "").trim().toLowerCase();
}
