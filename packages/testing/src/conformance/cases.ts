import type { Client } from "@latentkit/core";
import { abortCases } from "./abort-cases.ts";
import type { BackendSetup, CaseName } from "./backend-setup.ts";
import { endingCases } from "./ending-cases.ts";
import { generationCases } from "./generation-cases.ts";

/** What a case is given. */
export interface CaseContext extends BackendSetup {
  client: Client;
  deterministic: boolean;
  skip(reason: string): void;
}

/** One case of the suite: throws where the backend breaks the contract. */
export type Case = (context: CaseContext) => Promise<void>;

/** Every case by name. */
export const cases: Record<CaseName, Case> = { ...generationCases, ...abortCases, ...endingCases };
