import { importOnnxruntime } from "../../engine/import-onnxruntime.ts";
import { endWithParent } from "../../engine/parent-watch.ts";
import { providerOf } from "../device.ts";
import { probeDevice, reasonOf } from "./probe-device.ts";
import type { ProbeReport } from "./probe-report.ts";
import type { ProbeTask } from "./run-probe.ts";

/** What a probe's process does: tries the device and tells. */
export async function probeProgram(task: ProbeTask): Promise<void> {
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  endWithParent();
  const report = await tried(task);
  process.send?.(report);
}

async function tried({ onnxruntime, ...target }: ProbeTask): Promise<ProbeReport> {
  const { device } = target;
  const unusable = (why: string) => ({ device, usable: false, why, float16: false, errors: {}, ms: 0 });
  try {
    const ort = await importOnnxruntime(onnxruntime);
    const available = ort.listSupportedBackends().map(({ name }) => name);
    const version = ort.env.versions.node ?? "unknown";
    if (!available.includes(providerOf[device]))
      return {
        ...unusable(`onnxruntime-node ${version} for ${process.platform}-${process.arch} has no ${device}`),
        version,
      };
    return await probeDevice(ort, target);
  } catch (error) {
    return unusable(reasonOf(error));
  }
}
