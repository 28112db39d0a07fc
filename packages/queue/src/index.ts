export { fromConfig, withAddress } from "./from-config.ts";
export { queue } from "./queue-backend.ts";
export type { KeyLimit, QueueOptions, SharedQueueOptions, WorkerOptions } from "./queue-options.ts";
export { type FileStoreOptions, fileStore } from "./store/file-store.ts";
export type { ObjectStore } from "./store/object-store.ts";
export { type RawStorage, unstorageStore } from "./store/unstorage-store.ts";
export { type QueueWorker, startWorker } from "./worker.ts";
