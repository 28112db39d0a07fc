import { readRecipe } from "@latentkit/core";
import { Command } from "commander";
import type { MakeCommand } from "../run-cli.ts";

/** `latentkit recipe`: what made a picture. */
export const recipeCommand: MakeCommand = ({ stdout }) =>
  new Command("recipe")
    .description("print the recipe inside a PNG as JSON (latentkit generate --recipe makes it again)")
    .argument("<png>", "a PNG made by LatentKit, or by a tool that writes A1111's parameters")
    .allowExcessArguments(false)
    .action(async (png: string) => {
      stdout.write(`${JSON.stringify(await readRecipe(png), undefined, 2)}\n`);
    });
