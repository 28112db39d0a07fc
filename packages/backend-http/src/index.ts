export { a1111 } from "./a1111/a1111-backend.ts";
export type { A1111Options } from "./a1111/a1111-options.ts";
export { fromConfig } from "./from-config.ts";
export { http } from "./http-backend.ts";
export type { HttpOptions } from "./http-options.ts";
