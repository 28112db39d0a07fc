export {
  createLatentKit,
  type ImageModelForAi6,
  type LatentKitProvider,
  type LatentKitProviderOptions,
  type SpecificationVersion,
} from "./latentkit-provider.ts";
export type { EventContext, ModelSettings } from "./model-settings.ts";
