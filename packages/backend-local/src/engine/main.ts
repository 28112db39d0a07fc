import { parentPort } from "node:worker_threads";
import { probeProgram } from "../devices/probe/probe-program.ts";
import { isProbe } from "../devices/probe/run-probe.ts";
import { processPort, threadPort } from "./port.ts";
import type { EngineSettings } from "./protocol.ts";
import { serve } from "./serve.ts";

// The engine's program: forked or started as a worker by this package, never imported. A probe of a device is the same program.
const settings = JSON.parse(process.argv[2] ?? "{}") as EngineSettings | object;
if (isProbe(settings)) void probeProgram(settings.probe);
else serve(parentPort === null ? processPort() : threadPort(parentPort), settings as EngineSettings);
