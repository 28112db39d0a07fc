import { createMcpHandler } from "@modelcontextprotocol/server";
import { Hono } from "hono";
import type { Bindings, ServerContext } from "../context.ts";
import { parseJson } from "../request/parse-json.ts";
import { bodyOf } from "../request/read-input.ts";
import { makeMcpServer } from "./mcp-server.ts";

/** The Model Context Protocol over HTTP, at `/mcp`: whose key it is, by the same rules as all else. */
export function mcpRoutes(server: ServerContext): Hono<Bindings> {
  const app = new Hono<Bindings>();
  app.all("/", async (c) => {
    const handler = createMcpHandler(() => makeMcpServer(server, c.get("caller"), c.get("requestId")), {
      keepAliveMs: server.options.heartbeatMs,
    });
    if (c.req.method !== "POST") return handler.fetch(c.req.raw);
    const bytes = await bodyOf(c, server);
    const request = new Request(c.req.url, {
      method: "POST",
      headers: c.req.raw.headers,
      signal: c.req.raw.signal,
      body: bytes,
    });
    return handler.fetch(request, { parsedBody: parseJson(bytes) });
  });
  return app;
}
