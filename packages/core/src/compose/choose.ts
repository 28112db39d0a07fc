import type { Backend, CallOptions, CapabilitiesOptions, JobHandle } from "../backend.ts";
import type { Capabilities } from "../capabilities.ts";
import { checkCapabilities } from "../check-capabilities.ts";
import type { Issue } from "../errors/issue.ts";
import { describeIssues } from "../errors/issue.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import { NotFoundError } from "../errors/not-found-error.ts";
import { UnsupportedError } from "../errors/unsupported-error.ts";
import type { GenerationEvent, LogEvent } from "../events.ts";
import type { UrlPayload } from "../image-payload.ts";
import { knownVariant } from "../request/canonical-names.ts";
import type { GenerationRequest } from "../request/request.ts";
import { canBeMadeAnew, JobTrace } from "./failure.ts";
import type { Member } from "./members.ts";
import { relayed } from "./relay.ts";
import { unionOf } from "./union-capabilities.ts";

/** A member that can do a request, and what is known of it for that. */
export interface Candidate {
  member: Member;
  capabilities: Capabilities;
  /** The request as this member is given it. */
  request: GenerationRequest;
  /** US dollars for the whole request, where known. */
  usd: number | undefined;
  /** Milliseconds for the whole request, where known. */
  ms: number | undefined;
}

/** What makes a composition of one kind. */
export interface Chooser {
  id: string;
  members: readonly Member[];
  /** The candidates in the order in which they are tried. Throws where none will do. */
  order(candidates: readonly Candidate[], request: GenerationRequest): readonly Candidate[];
  /** Whether the next is tried after this error; asked only where that is safe. */
  goesOn(error: unknown): boolean;
  /** Called at once when a member has been chosen; what it returns, when that try has ended. */
  begin?(candidate: Candidate): () => void;
  /** Around each try, such as to count it. */
  around?(
    candidate: Candidate,
    events: AsyncIterable<GenerationEvent>,
    signal: AbortSignal,
  ): AsyncIterable<GenerationEvent>;
}

const log = (message: string, level: LogEvent["level"] = "info"): LogEvent => ({ type: "log", level, message });

/** A backend that hands each request to one of its members, and says in `log` events which and why. */
export function choosing(chooser: Chooser): Backend {
  const { id, members } = chooser;

  async function look(member: Member, model: string | undefined, options: CapabilitiesOptions) {
    try {
      return { member, capabilities: await member.backend.capabilities(model, options) };
    } catch (error) {
      options.signal?.throwIfAborted();
      return { member, error };
    }
  }

  async function capabilities(model?: string, options: CapabilitiesOptions = {}): Promise<Capabilities> {
    const looks = await Promise.all(members.map((member) => look(member, model, options)));
    const known = looks.flatMap((one) => (one.capabilities === undefined ? [] : [one.capabilities]));
    if (known.length === 0) throw looks[0]!.error;
    return unionOf(id, known);
  }

  async function* generate(request: GenerationRequest, options: CallOptions): AsyncGenerator<GenerationEvent> {
    const { signal } = options;
    const refused: Refusal[] = [];
    const candidates: Candidate[] = [];
    for (const one of await Promise.all(members.map((member) => look(member, request.model, { signal })))) {
      const fit = one.capabilities === undefined ? one : fitting(one.member, one.capabilities, request);
      if (isCandidate(fit)) candidates.push(fit);
      else refused.push(fit);
    }
    for (const { member, issues, error } of refused)
      yield log(`${id}: ${member.name} is passed over: ${issues ? describeIssues(issues) : messageOf(error)}`);
    if (candidates.length === 0) throw noneFits(id, refused);
    yield* tryInOrder(chooser.order(candidates, request), options);
  }

  async function* tryInOrder(order: readonly Candidate[], options: CallOptions): AsyncGenerator<GenerationEvent> {
    const { signal } = options;
    for (const [i, candidate] of order.entries()) {
      const { member, request } = candidate;
      const trace = new JobTrace();
      const end = chooser.begin?.(candidate);
      try {
        yield log(`${id}: ${member.name} is asked`);
        const events = member.backend.generate(request, options);
        for await (const event of chooser.around?.(candidate, events, signal) ?? events) {
          trace.note(event);
          yield billed(relayed(event, member), candidate);
        }
        return;
      } catch (error) {
        const next = order[i + 1];
        const isFree = candidate.usd === 0;
        const goesOn = !signal.aborted && canBeMadeAnew(error, trace, isFree) && chooser.goesOn(error);
        if (next === undefined || !goesOn) throw named(error, member);
        yield log(`${id}: ${member.name} failed (${messageOf(error)}): ${next.member.name} is next`, "warn");
      } finally {
        end?.();
      }
    }
  }

  const memberOf = (name: unknown): Member => {
    const member = members.find((one) => one.name === name);
    if (member === undefined)
      throw new NotFoundError(`This handle's backend "${String(name)}" is not in ${id} any more.`);
    return member;
  };

  async function* resume(handle: JobHandle, options: CallOptions): AsyncGenerator<GenerationEvent> {
    const { member: name, data } = handle.data as { member?: unknown; data?: Record<string, unknown> };
    const member = memberOf(name);
    if (member.backend.resume === undefined)
      throw new UnsupportedError([{ field: "handle", message: "jobs cannot be resumed here" }], {
        backend: member.backend.id,
      });
    const inner: JobHandle = { ...handle, backend: member.backend.id, data: data ?? {} };
    for await (const event of member.backend.resume(inner, options)) yield relayed(event, member);
  }

  async function fetchImage(image: UrlPayload, options: CallOptions): Promise<Uint8Array> {
    const [name, ...via] = image.via ?? [];
    const { backend } = memberOf(name);
    if (backend.fetchImage === undefined)
      throw new NotFoundError(`Backend "${backend.id}" gave a URL, but cannot fetch it.`);
    return backend.fetchImage({ ...image, via }, options);
  }

  return {
    id,
    parts: members.map(({ backend }) => backend),
    modelsAreNames: members.every(({ backend }) => backend.modelsAreNames === true),
    capabilities,
    generate,
    resume,
    fetchImage,
    dispose: async () => {
      const ends = await Promise.allSettled(members.map(({ backend }) => backend.dispose()));
      for (const end of ends) if (end.status === "rejected") throw end.reason;
    },
  };
}

/** What a job cost, as far as its member is known to take it: a budget around the composition knows no more than the dearest. */
function billed(event: GenerationEvent, { usd }: Candidate): GenerationEvent {
  if (event.type !== "completed" || usd === undefined || event.metrics?.["costUsd"] !== undefined) return event;
  return { ...event, metrics: { ...event.metrics, costUsd: usd } };
}

interface Refusal {
  member: Member;
  issues?: readonly Issue[];
  error?: unknown;
}

function isCandidate(fit: Candidate | Refusal): fit is Candidate {
  return "request" in fit;
}

/** Whether a member can do a request; no previews are no reason against it. */
function fitting(member: Member, capabilities: Capabilities, asked: GenerationRequest): Candidate | Refusal {
  const variant = knownVariant(asked, capabilities);
  const request = capabilities.features.includes("previewEvery") ? variant : { ...variant, previewEvery: 0 };
  const issues = checkCapabilities(request, capabilities);
  if (issues.length > 0) return { member, issues };
  const usd = capabilities.usdPerImage;
  const { msPerImage } = member;
  const whole = (each: number | undefined) => (each === undefined ? undefined : each * request.count);
  return { member, capabilities, request, usd: whole(usd), ms: whole(msPerImage) };
}

function noneFits(id: string, refused: readonly Refusal[]): unknown {
  const issues = refused.flatMap(({ member, issues: own = [] }) =>
    own.map((issue) => ({ ...issue, message: `${member.name}: ${issue.message}` })),
  );
  return issues.length > 0 ? new UnsupportedError(issues, { backend: id }) : refused[0]?.error;
}

/** An error that says nothing of its backend is its member's. */
function named(error: unknown, { backend }: Member): unknown {
  if (LatentKitError.isInstance(error) && error.backend === undefined)
    Object.defineProperty(error, "backend", { value: backend.id, enumerable: true });
  return error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
