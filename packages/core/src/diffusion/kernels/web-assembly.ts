/** The part of the WebAssembly API that the kernels use; the types of Node and of browsers each have it under conditions of their own. */
interface WebAssemblyApi {
  Module: new (bytes: Uint8Array<ArrayBuffer>) => WebAssemblyModule;
  Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  Instance: new (
    module: WebAssemblyModule,
    imports: Record<string, Record<string, unknown>>,
  ) => { readonly exports: Record<string, unknown> };
}

/** A compiled module. */
export interface WebAssemblyModule {
  readonly [Symbol.toStringTag]: string;
}

/** The WebAssembly API; reading it where there is none gives undefined, whose use throws. */
export function webAssembly(): WebAssemblyApi {
  return (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
}
