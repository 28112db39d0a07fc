import type { Client } from "@latentkit/core";
import { type StdioServerHandle, serveStdio } from "@modelcontextprotocol/server/stdio";
import { contextOf } from "../create-server.ts";
import { resolveOptions, type ServerOptions } from "../server-options.ts";
import { makeMcpServer } from "./mcp-server.ts";

/**
 * Serves a client to one agent, over this process's standard input and output. Nothing else may write there.
 *
 * @returns a handle whose `close` cancels what runs.
 * @throws ConfigError naming the option that is wrong.
 */
export function serveMcp(client: Client, options: ServerOptions = {}): { close(): Promise<void> } {
  const server = contextOf(client, resolveOptions(options));
  const handle: StdioServerHandle = serveStdio(() => makeMcpServer(server, ""));
  return {
    async close() {
      await server.jobs.close(0);
      await handle.close();
    },
  };
}
