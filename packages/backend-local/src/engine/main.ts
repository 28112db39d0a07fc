import { parentPort } from "node:worker_threads";
import { processPort, threadPort } from "./port.ts";
import type { EngineSettings } from "./protocol.ts";
import { serve } from "./serve.ts";

// The engine's program: forked or started as a worker by this package, never imported.
const settings = JSON.parse(process.argv[2] ?? "{}") as EngineSettings;
serve(parentPort === null ? processPort() : threadPort(parentPort), settings);
