import { Command } from "commander";
import type { MakeCommand } from "../run-cli.ts";

/** `latentkit models`: what a model's files hold. */
export const modelsCommand: MakeCommand = () => new Command("models").description("look into models");
