import { EventEmitter } from "eventemitter3";
import { redact } from "../redact.ts";

type Events = EventEmitter.ValidEventTypes;
type Listener<E extends Events, T extends EventEmitter.EventNames<E>> = EventEmitter.EventListener<E, T>;
type AnyListener = (...args: never[]) => void;

/** An emitter whose listeners' own errors stop neither the emitter nor each other: they become warnings of the process. */
export class GuardedEmitter<E extends Events> extends EventEmitter<E> {
  readonly #guards = new WeakMap<AnyListener, AnyListener>();

  override on<T extends EventEmitter.EventNames<E>>(event: T, listener: Listener<E, T>, context?: unknown): this {
    return super.on(event, this.#guard(event, listener), context);
  }

  override addListener<T extends EventEmitter.EventNames<E>>(
    event: T,
    listener: Listener<E, T>,
    context?: unknown,
  ): this {
    return this.on(event, listener, context);
  }

  override once<T extends EventEmitter.EventNames<E>>(event: T, listener: Listener<E, T>, context?: unknown): this {
    return super.once(event, this.#guard(event, listener), context);
  }

  override off<T extends EventEmitter.EventNames<E>>(
    event: T,
    listener?: Listener<E, T>,
    context?: unknown,
    once?: boolean,
  ): this {
    const guarded = this.#guards.get(listener as AnyListener) as Listener<E, T> | undefined;
    return super.off(event, guarded ?? listener, context, once);
  }

  override removeListener<T extends EventEmitter.EventNames<E>>(
    event: T,
    listener?: Listener<E, T>,
    context?: unknown,
    once?: boolean,
  ): this {
    return this.off(event, listener, context, once);
  }

  #guard<T extends EventEmitter.EventNames<E>>(event: T, listener: Listener<E, T>): Listener<E, T> {
    const known = this.#guards.get(listener as AnyListener);
    if (known !== undefined) return known as Listener<E, T>;
    const guarded = function (this: unknown, ...args: unknown[]) {
      const warn = (error: unknown) => {
        const reason = redact(error instanceof Error ? error.message : String(error));
        process.emitWarning(`A listener of "${String(event)}" threw: ${reason}`, "LatentKitWarning");
      };
      try {
        // What an async listener rejects with is its own, too: it must not end the process.
        Promise.resolve((listener as (...args: unknown[]) => unknown).apply(this, args)).catch(warn);
      } catch (error) {
        warn(error);
      }
    };
    this.#guards.set(listener as AnyListener, guarded);
    return guarded as Listener<E, T>;
  }
}
