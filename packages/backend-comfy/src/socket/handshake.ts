import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";

/** What became of a WebSocket's opening request: the WebSocket itself tells neither why it failed nor whose TCP it is. */
export interface Handshake {
  /** The connection below, once the server has agreed. */
  tcp?: Duplex;
  /** The HTTP status of a server that did not agree. */
  status?: number;
  /** Why there is no answer at all. */
  error?: unknown;
}

/** The same dispatcher, which notes in `handshake` what comes of the next request. */
export function watched(dispatcher: Dispatcher, handshake: Handshake): Dispatcher {
  const dispatch: Dispatcher["dispatch"] = (options, handler) =>
    dispatcher.dispatch(options, noting(handler, handshake));
  return new Proxy(dispatcher, { get: (target, key) => (key === "dispatch" ? dispatch : Reflect.get(target, key)) });
}

function noting(handler: Dispatcher.DispatchHandler, handshake: Handshake): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
    onRequestSent: () => handler.onRequestSent?.(),
    onRequestUpgrade(controller, status, headers, socket) {
      handshake.tcp = socket;
      // Until the WebSocket listens itself, a reset would be nobody's error and end the program; its close is told all the same.
      socket?.on("error", () => {});
      handler.onRequestUpgrade?.(controller, status, headers, socket);
    },
    onResponseStart(controller, status, headers, message) {
      handshake.status = status;
      return handler.onResponseStart?.(controller, status, headers, message);
    },
    onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
    onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
    onResponseError(controller, error) {
      handshake.error ??= error;
      handler.onResponseError?.(controller, error);
    },
  };
}
