/**
 * onnxruntime 1.30 and newer report usage to their maker and leave a device id and logs on the disk, unless this is in the
 * environment before they load. Nobody who asked for a picture asked for that; who wants it sets the variable to "0".
 */
export function withoutTelemetry(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, ORT_DISABLE_TELEMETRY: env.ORT_DISABLE_TELEMETRY ?? "1" };
}
