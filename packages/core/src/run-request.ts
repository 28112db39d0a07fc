import type { Backend } from "./backend.ts";
import type { Capabilities } from "./capabilities.ts";
import { checkCapabilities } from "./check-capabilities.ts";
import { dropUnsupported } from "./drop-unsupported.ts";
import { planEdit } from "./edit/edit.ts";
import { UnsupportedError } from "./errors/unsupported-error.ts";
import type { GenerationEvent } from "./events.ts";
import type { CallInputs } from "./image/input-rules.ts";
import { namingInput } from "./image/name-input.ts";
import { type GenerationRequest, redraws } from "./request/request.ts";
import { isDraft, runDraft } from "./stages/draft.ts";
import { runRedraw } from "./stages/redraw.ts";
import { hasStages, runRefined } from "./stages/refine.ts";

/** What a request is run with. */
export interface RequestRun {
  backend: Backend;
  capabilities: Capabilities;
  /** Whether what the backend turns out not to do is left out with a warning, and it is asked again. */
  drops: boolean;
  signal: AbortSignal;
  /** How its input files may be read. */
  inputs?: CallInputs | undefined;
  /** Goes on with the first request to the backend, where that runs already. */
  begun?: ((request: GenerationRequest) => AsyncIterable<GenerationEvent>) | undefined;
  /** Told the request as it is now, where something was left out. */
  revise(request: GenerationRequest): void;
}

/** As often as this a backend may come up with another field that it cannot do. */
const mostRounds = 8;

/** Runs a request on a backend, with what the client does itself around it. */
export async function* runRequest(request: GenerationRequest, run: RequestRun): AsyncGenerator<GenerationEvent> {
  let asked = request;
  for (let round = 1; ; round++) {
    let begun = false;
    try {
      for await (const event of runOnce(asked, run)) {
        begun ||= event.type !== "warning" && event.type !== "log";
        yield event;
      }
      return;
    } catch (error) {
      if (begun || !run.drops || round === mostRounds || !UnsupportedError.isInstance(error))
        throw namingInput(error, asked);
      const dropped = dropUnsupported(asked, error.issues, run.backend.id);
      asked = dropped.request;
      run.revise(asked);
      yield* dropped.warnings;
    }
  }
}

/** A request of several stages is several requests to the backend. */
function runOnce(request: GenerationRequest, options: RequestRun): AsyncIterable<GenerationEvent> {
  // What was begun before is gone on with: it is the first request of them all.
  let { begun } = options;
  const run = (stage: GenerationRequest, capabilities = options.capabilities) => {
    const generate = begun ?? ((asked: GenerationRequest) => generateOn(options, asked));
    begun = undefined;
    return runPlain(stage, { ...options, capabilities }, { generate, isWhole: stage === request });
  };
  if (isDraft(request)) return runDraft(request, { ...options, run });
  if (redraws(request)) return runRedraw(request, { ...options, run });
  return hasStages(request) ? runRefined(request, { ...options, run }) : run(request);
}

function generateOn({ backend, signal, inputs }: RequestRun, request: GenerationRequest) {
  return backend.generate(request, { signal, inputs });
}

/** One request to the backend, with what the client does to its pictures. */
async function* runPlain(
  request: GenerationRequest,
  { backend, capabilities, signal, inputs }: RequestRun,
  { generate, isWhole }: { generate: NonNullable<RequestRun["begun"]>; isWhole: boolean },
): AsyncGenerator<GenerationEvent> {
  const edit = await planEdit(request, capabilities, { backend, signal, inputs });
  if (edit.request !== request || !isWhole) {
    const issues = checkCapabilities(edit.request, capabilities);
    if (issues.length > 0) throw new UnsupportedError(issues, { backend: backend.id });
  }
  yield* edit.finish(generate(edit.request), signal);
}
