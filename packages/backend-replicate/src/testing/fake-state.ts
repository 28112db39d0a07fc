import { randomUUID } from "node:crypto";
import { fakeModels } from "./fake-models.ts";
import { FakePrediction, type Script } from "./fake-prediction.ts";

/** One call that arrived. */
export interface SeenCall {
  method: string;
  path: string;
  authorization: string | null;
  headers: Record<string, string>;
}

/** Everything the fake remembers. */
export class FakeState {
  readonly predictions = new Map<string, FakePrediction>();
  readonly trainings = new Map<string, FakePrediction>();
  readonly files = new Map<string, { bytes: Uint8Array; type: string; name: string }>();
  readonly models = { ...fakeModels };
  readonly calls: SeenCall[] = [];
  /** Calls that arrived at the host of the outputs and streams. */
  readonly deliveries: SeenCall[] = [];
  /** Webhooks that creates asked for. */
  readonly webhooks: { webhook: string; events: readonly string[] | undefined }[] = [];
  readonly removedFiles: string[] = [];
  /** Create calls that made a prediction: each would be billed. */
  created = 0;
  cancelled = 0;
  /** The most predictions that went on at once. */
  mostRunning = 0;
  /** Origins, known once the servers listen. */
  apiUrl = "";
  deliveryUrl = "";
  readonly token: string;
  readonly script: Partial<Script>;

  constructor(token: string, script: Partial<Script>) {
    this.token = token;
    this.script = script;
  }

  /** Predictions that go on. */
  get running(): number {
    return [...this.predictions.values()].filter((prediction) => !prediction.over).length;
  }

  /** Calls by method and a pattern of the path. */
  callsTo(method: string, path: RegExp): SeenCall[] {
    return this.calls.filter((call) => call.method === method && path.test(call.path));
  }

  create(model: string, version: string, input: Record<string, unknown>): FakePrediction {
    const id = randomUUID().replaceAll("-", "").slice(0, 26);
    const script = this.#scriptOf(id, model, input);
    const urls = {
      get: `${this.apiUrl}/predictions/${id}`,
      cancel: `${this.apiUrl}/predictions/${id}/cancel`,
      web: `https://replicate.com/p/${id}`,
      ...(script.streamed ? { stream: `${this.deliveryUrl}/stream/${id}` } : {}),
    };
    const prediction = new FakePrediction({ id, input, model, version, script, urls });
    this.predictions.set(id, prediction);
    this.created++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    return prediction;
  }

  /** The prompt may ask for an end: `fail`, `fail odd seeds`, `nsfw`, `abort`, `stream`, `no picture`. */
  #scriptOf(id: string, model: string, input: Record<string, unknown>): Script {
    const prompt = String(input.prompt ?? "");
    const odd = BigInt(String(input.seed ?? 0)) % 2n === 1n;
    const failed = /\bfail\b/.test(prompt) && (!/odd/.test(prompt) || odd);
    const nsfw = /nsfw/.test(prompt);
    const output = (name: string) => `${this.deliveryUrl}/out/${id}/${name}.png`;
    const iterates = model === "acme/dreamer";
    return {
      queueMs: 5,
      stepMs: 5,
      steps: Number(input.num_inference_steps ?? 4),
      end: /\babort\b/.test(prompt) ? "aborted" : failed || nsfw ? "failed" : "succeeded",
      ...(nsfw ? { error: "NSFW content detected. Try running it again, or try a different prompt. (E005)" } : {}),
      outputs: (step, ended) => {
        if (/no picture/.test(prompt)) return ended ? ["words, not a picture"] : undefined;
        if (iterates) return Array.from({ length: step }, (_, i) => output(`${i}`));
        return ended ? [output("0")] : undefined;
      },
      streamed: /\bstream\b/.test(prompt),
      ...this.script,
    };
  }
}
