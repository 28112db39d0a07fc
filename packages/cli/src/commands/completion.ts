import { controlTypes, imageFormats, tasks } from "@latentkit/core";
import { samplerNames, schedulerNames } from "@latentkit/core/diffusion";
import { Argument, Command } from "commander";
import { candidates } from "../completion/candidates.ts";
import { type Shell, scripts, shells } from "../completion/scripts.ts";
import { backendNames } from "../generate/open-client.ts";
import type { MakeCommand } from "../run-cli.ts";

/** Values of flags that take more than these as well, so that the flags themselves list no choices. */
const known = {
  backend: backendNames,
  task: tasks,
  sampler: samplerNames,
  scheduler: schedulerNames,
  format: imageFormats,
  control: controlTypes.map((type) => `${type}=`),
  "guidance-mode": ["cfg", "cfg++", "apg", "cfg-zero-star"],
};

/** `latentkit completion`: completes commands, flags and their values in a shell. */
export const completionCommand: MakeCommand = ({ stdout }) =>
  new Command("completion")
    .description("print what makes a shell complete latentkit's commands, flags and their values")
    .addArgument(new Argument("<shell>", "the shell that is to read it").choices(shells))
    .addHelpText(
      "after",
      "\nIn ~/.bashrc:  source <(latentkit completion bash)\nIn ~/.zshrc:   source <(latentkit completion zsh)      (after compinit)\nfish:          latentkit completion fish > ~/.config/fish/completions/latentkit.fish\nPowerShell:    latentkit completion powershell | Out-String | Invoke-Expression",
    )
    .allowExcessArguments(false)
    .action((shell: Shell) => void stdout.write(scripts[shell]));

/** What those scripts ask: candidates for the last of the words, one a line, with a tab before what they are. */
export const completeCommand: MakeCommand = ({ stdout }) => {
  const command = new Command("complete").argument("[words...]").action((words: string[]) => {
    for (const { value, description } of candidates(command.parent!, words.length === 0 ? [""] : words, known))
      stdout.write(`${value}\t${description.replace(/\s+/g, " ")}\n`);
  });
  return command;
};
