export { hashApiKey, newApiKey } from "./access/api-key.ts";
export { createServer, type Server } from "./create-server.ts";
export type { LogEntry } from "./log.ts";
export { serveMcp } from "./mcp/serve-mcp.ts";
export { openApiDocument } from "./openapi.ts";
export { type Listening, type ServeOptions, serve } from "./serve.ts";
export type { NameTable, ServerOptions } from "./server-options.ts";
