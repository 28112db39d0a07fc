export type { Backend, CallOptions, CapabilitiesOptions, JobHandle } from "./backend.ts";
export { Batch, type BatchInput, type BatchItem, type BatchOptions, type BatchSummary } from "./batch/batch.ts";
export type { BestOf, BestOfOptions } from "./batch/best-of.ts";
export type { BatchFile } from "./batch/manifest.ts";
export { type Capabilities, type Defaults, type FeatureName, featureNames, type Range } from "./capabilities.ts";
export { checkCapabilities } from "./check-capabilities.ts";
export {
  type Client,
  type ClientOptions,
  createClient,
  type GenerateInput,
  type GenerateOptions,
  type OnUnsupported,
  type RecipeRequest,
} from "./client.ts";
export { compareImages, differenceMap, type ImageDifference } from "./compare/compare-images.ts";
export { type CacheStore, diskStore, memoryStore } from "./compose/cache-store.ts";
export type { Candidate } from "./compose/choose.ts";
export { type FallbackRules, fallback } from "./compose/fallback.ts";
export type { MemberOptions, Members } from "./compose/members.ts";
export { type PoolRules, pool } from "./compose/pool.ts";
export { type RouteRules, route } from "./compose/route.ts";
export { type CacheOptions, withCache } from "./compose/with-cache.ts";
export { type HookContext, type HookOutcome, type Hooks, withHooks } from "./compose/with-hooks.ts";
export { type LimitedBackend, type Limits, withLimits } from "./compose/with-limits.ts";
export { type Prices, withPrices } from "./compose/with-prices.ts";
export { type RetryRules, withRetry } from "./compose/with-retry.ts";
export { configJsonSchema, defineConfig, type LatentKitConfig } from "./config/config.ts";
export { type BackendModule, type LoadClientOptions, loadClient } from "./config/load-client.ts";
export { describeOptions, optionIssues } from "./config/option-issues.ts";
export { readConfig } from "./config/read-config.ts";
export { AbortedError } from "./errors/aborted-error.ts";
export { AuthenticationError } from "./errors/authentication-error.ts";
export { BudgetError } from "./errors/budget-error.ts";
export { BusyError } from "./errors/busy-error.ts";
export { ConfigError } from "./errors/config-error.ts";
export { connectionCode, neverArrived } from "./errors/connection-code.ts";
export { ConnectionError } from "./errors/connection-error.ts";
export { ContentRefusedError } from "./errors/content-refused-error.ts";
export { DisposedError } from "./errors/disposed-error.ts";
export { EngineError } from "./errors/engine-error.ts";
export { GenerationError } from "./errors/generation-error.ts";
export { ImageError } from "./errors/image-error.ts";
export { InvalidRequestError } from "./errors/invalid-request-error.ts";
export { describeIssues, type Issue } from "./errors/issue.ts";
export { type ErrorDetails, LatentKitError, type SerializedError } from "./errors/latentkit-error.ts";
export { ManifestError } from "./errors/manifest-error.ts";
export { ModelError } from "./errors/model-error.ts";
export { NotFoundError } from "./errors/not-found-error.ts";
export { OutOfMemoryError } from "./errors/out-of-memory-error.ts";
export { RateLimitError } from "./errors/rate-limit-error.ts";
export { RecipeError } from "./errors/recipe-error.ts";
export { reviveError } from "./errors/revive-error.ts";
export { TimeoutError } from "./errors/timeout-error.ts";
export { UnsupportedError } from "./errors/unsupported-error.ts";
export type {
  CompletedEvent,
  ControlEvent,
  DeviceUse,
  GenerationEvent,
  ImageEvent,
  LogEvent,
  ModelIdentity,
  Phase,
  PreviewEvent,
  ProgressEvent,
  QueuedEvent,
  StartedEvent,
  WarningEvent,
} from "./events.ts";
export type { Estimate } from "./explain/estimate.ts";
export type { BackendExplanation, Explanation, Translation } from "./explain/explain.ts";
export { fileHistory, type History, type HistoryEntry, memoryHistory } from "./explain/history.ts";
export { headDeadline } from "./fetch/head-deadline.ts";
export { lookupPublic, wayTo } from "./fetch/lookup-public.ts";
export { BodyTooLarge, boundedBody, type ReadBodyOptions, readBody } from "./fetch/read-body.ts";
export { type DecodeOptions, decodeImage, encodeImage, type Pixels, probeImage } from "./image/codec.ts";
export { GeneratedImage } from "./image/generated-image.ts";
export type { Bytes, FileOptions, ImageFile, ResponseOptions } from "./image/image-file.ts";
export type { CallInputs, InputRules } from "./image/input-rules.ts";
export { checkInputUrl, type LoadOptions, loadImageSource, sha256 } from "./image/load-image-source.ts";
export { type Borders, borderMask, padPixels } from "./image/outpaint-canvas.ts";
export { type Kept, pasteKept } from "./image/paste-kept.ts";
export { payloadPixels } from "./image/payload-pixels.ts";
export { resizeImage } from "./image/resize.ts";
export { saveFile } from "./image/save-file.ts";
export type { WriteOptions } from "./image/write-whole.ts";
export type { EncodedPayload, ImagePayload, PixelsPayload, UrlPayload } from "./image-payload.ts";
export { type EventStreamOptions, eventStreamHeaders } from "./job/event-stream.ts";
export { Job, type JobEvents, type JobStatus } from "./job/job.ts";
export { RequestsUnderWay } from "./job/requests-under-way.ts";
export type { JobEvent, ShownControlEvent, ShownImage, ShownImageEvent, ShownPreviewEvent } from "./job/shown-image.ts";
export { GeneratedLatent, type LatentPayload } from "./latent/latent.ts";
export { plugAndPlay } from "./plug-and-play.ts";
export { readPngText, writePngText } from "./png/chunks.ts";
export { ProgressClock } from "./progress.ts";
export { formatParameters, parseParameters } from "./recipe/a1111-parameters.ts";
export { readFileTexts } from "./recipe/file-texts.ts";
export { type TaggedLora, takeLoraTags } from "./recipe/foreign/lora-tags.ts";
export type { RecipeInput, RecipeInputs } from "./recipe/named-inputs.ts";
export { embedRecipe, readRecipe } from "./recipe/png-recipe.ts";
export { isRecipe, parseRecipe, type Recipe } from "./recipe/recipe.ts";
export type { InputFile } from "./recipe/recipe-inputs.ts";
export type { RecipeNote } from "./recipe/recipe-note.ts";
export { type RecipeTouch, recipeTouches } from "./recipe/recipe-touches.ts";
export { type RecipeTrust, untrustedTouches } from "./recipe/recipe-trust.ts";
export { redact, registerSecret } from "./redact.ts";
export {
  type Conditioning,
  type ConditioningKind,
  type ConditioningOption,
  conditioningOptions,
  controlTypes,
} from "./request/conditioning.ts";
export type { ImageObject } from "./request/image-object.ts";
export { type HashedSource, type ImageSource, ImageSourceSchema, isHashed } from "./request/image-source.ts";
export { impliedTask } from "./request/implied-task.ts";
export { inputFiles, mapInputFiles } from "./request/input-files.ts";
export type {
  BatchPlaceInput,
  BoxInput,
  ConditioningInput,
  ControlInput,
  DraftInput,
  EmbeddingInput,
  GenerationInput,
  GuidanceInput,
  HiresInput,
  ImageInput,
  ImagePromptInput,
  ImageToImageInput,
  InpaintInput,
  JsonInput,
  LatentInput,
  LatentValues,
  LoraInput,
  MaskInput,
  NoiseDeviceInput,
  NoiseInput,
  OptionsInput,
  OutpaintInput,
  OutputInput,
  PromptInput,
  RedrawInput,
  ReferenceInput,
  RefineInput,
  SeedInput,
  SharedInput,
  SizeInput,
  TaskInputs,
  TextConditioningInput,
  TextToImageInput,
  UnconditionalInput,
  UntitledInput,
  UpscaleInput,
  WindowInput,
} from "./request/input-types.ts";
export { requestJsonSchema } from "./request/json-schema.ts";
export { type LatentSource, LatentSourceSchema } from "./request/latent-source.ts";
export { nearest } from "./request/nearest.ts";
export { parseRequest } from "./request/parse-request.ts";
export {
  type GenerationRequest,
  GenerationRequestSchema,
  type RequestOf,
  type Task,
  tasks,
} from "./request/request.ts";
export { maxSeed, SeedSchema, seedOfImage } from "./request/seed.ts";
export {
  type HiresOption,
  hiresOptions,
  type ImageFormat,
  imageFormats,
  type PromptSyntax,
  promptSyntaxes,
  type SamplerName,
  type SchedulerName,
} from "./request/shared-fields.ts";
export type { GenerationResult, ImageFailure, Timings } from "./result.ts";
export { imageFailed, type PictureCall, type RunCallsOptions, runCalls } from "./run-calls.ts";
export { finalRequest } from "./stages/draft.ts";
export type { Axis } from "./sweep/axes.ts";
export type { SheetOptions } from "./sweep/contact-sheet.ts";
export {
  Sweep,
  type SweepCell,
  type SweepInput,
  type SweepOptions,
  type SweepResult,
  sweepResult,
} from "./sweep/sweep.ts";
export { allPrompts, expandPrompt, type TemplateOptions } from "./template/expand-prompt.ts";
export { readWildcards } from "./template/read-wildcards.ts";
export { version } from "./version.ts";
