import { comfy, defineWorkflow } from "../../packages/backend-comfy/src/index.ts";

/** A client library that runs a graph and counts the pictures it was told of. */
export interface Runner {
  name: string;
  run(graph: object): Promise<{ promptId: string; pictures: number }>;
  close(): Promise<void>;
}

/** This package. */
export async function latentkit(url: string): Promise<Runner> {
  const backend = comfy({ url });
  return {
    name: "LatentKit",
    async run(graph) {
      const workflow = defineWorkflow({ workflow: graph, parameters: {}, outputs: { picture: { node: "save" } } });
      const { outputs, promptId } = await backend.run(workflow, {});
      return { promptId, pictures: outputs.picture.length };
    },
    close: () => backend.dispose(),
  };
}

interface Wrapper {
  onFinished(listener: (data: Record<string, { images?: unknown[] }>, promptId?: string) => void): Wrapper;
  onFailed(listener: (error: Error) => void): Wrapper;
  run(): Promise<unknown>;
}
interface Sdk {
  ComfyApi: new (url: string) => { init(): { waitForReady(): Promise<unknown> }; destroy(): void };
  PromptBuilder: new (
    graph: object,
    inputs: string[],
    outputs: string[],
  ) => {
    setOutputNode(name: string, node: string): unknown;
  };
  CallWrapper: new (api: unknown, workflow: unknown) => Wrapper;
}

/** `@saintno/comfyui-sdk`, as its README uses it. */
export async function sdk(entry: string, url: string): Promise<Runner> {
  const { ComfyApi, PromptBuilder, CallWrapper } = (await import(entry)) as Sdk;
  const api = new ComfyApi(url);
  await api.init().waitForReady();
  return {
    name: "comfyui-sdk",
    run(graph) {
      const workflow = new PromptBuilder(graph, [], ["picture"]).setOutputNode("picture", "save");
      return new Promise((resolve, reject) => {
        new CallWrapper(api, workflow)
          .onFinished((data, promptId = "") => resolve({ promptId, pictures: data["picture"]?.images?.length ?? 0 }))
          .onFailed(reject)
          .run()
          .then((result) => result === false && reject(new Error("not run")), reject);
      });
    },
    async close() {
      api.destroy();
    },
  };
}
