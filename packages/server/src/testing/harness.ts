import { createClient } from "@latentkit/core";
import { type MemoryBackend, type MemoryBackendOptions, memoryBackend } from "@latentkit/testing";
import { onTestFinished } from "vitest";
import { type Listening, type ServeOptions, serve } from "../serve.ts";

/** A server that listens, over the in-memory backend, and a way to call it. */
export interface Harness {
  backend: MemoryBackend;
  server: Listening;
  url: string;
  /** A call with JSON where there is a body. */
  call(
    path: string,
    init?: Omit<RequestInit, "body"> & { json?: unknown; body?: NonNullable<RequestInit["body"]> },
  ): Promise<Answer>;
}

/** An answer that has been read. */
export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers
  json: any;
  text: string;
}

/** Starts a server for one test. */
export async function harness(options: ServeOptions = {}, backendOptions: MemoryBackendOptions = {}): Promise<Harness> {
  const backend = memoryBackend(backendOptions);
  const client = createClient({ backend });
  const server = await serve(client, { port: 0, graceMs: 0, ...options });
  onTestFinished(async () => {
    await server.close(0);
    await client.dispose();
  });
  const call: Harness["call"] = async (path, { json, ...init } = {}) => {
    const body = json === undefined ? {} : { body: JSON.stringify(json), method: "POST" };
    const headers = {
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...(init.headers as object),
    };
    const response = await fetch(`${server.url}${path}`, { ...body, ...init, headers });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
  return { backend, server, url: server.url, call };
}

/** One server-sent event. */
export interface Told {
  id: number;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers
  data: any;
}

/** The events in a stream's text. */
export function eventsIn(text: string): Told[] {
  return text
    .split("\n\n")
    .filter((block) => block.startsWith("id: "))
    .map((block) => {
      const [, id = "", event = "", data = ""] = /^id: (\d+)\nevent: (.*)\ndata: (.*)$/s.exec(block) ?? [];
      return { id: Number(id), event, data: JSON.parse(data) };
    });
}
