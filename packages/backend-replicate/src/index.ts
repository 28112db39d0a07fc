export type { TrainingImage } from "./files/zip-images.ts";
export { fromConfig, replicate } from "./replicate.ts";
export { ReplicateBackend } from "./replicate-backend.ts";
export type { ReplicateOptions, ReplicateRequestOptions } from "./replicate-options.ts";
export { type TrainingEvent, type TrainingHandle, TrainingJob, type TrainingResult } from "./trainings/training-job.ts";
export type { TrainingOptions } from "./trainings/training-options.ts";
export { verifyWebhook, type WebhookDelivery } from "./webhooks/verify-webhook.ts";
export { type WebhookHandlerOptions, type WebhookNews, webhookHandler } from "./webhooks/webhook-handler.ts";
