/** Shells that commands and flags can be completed in. */
export const shells = ["bash", "zsh", "fish", "powershell"] as const;
/** One of {@link shells}. */
export type Shell = (typeof shells)[number];

/**
 * What a shell is to read at its start. Each asks `latentkit complete` with the words typed so far, passed as they are and never
 * evaluated, and completes files where that has no answer.
 */
export const scripts: Readonly<Record<Shell, string>> = {
  bash: `# latentkit: completion for bash. In ~/.bashrc: source <(latentkit completion bash)
_latentkit() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("\${line%%$'\\t'*}"); done \\
    < <(latentkit complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _latentkit latentkit
`,
  zsh: `#compdef latentkit
# latentkit: completion for zsh. In ~/.zshrc, after compinit: source <(latentkit completion zsh)
_latentkit() {
  local -a found
  found=("\${(@f)$(latentkit complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  [[ "\${words[CURRENT]}" == --*=* ]] && compset -P '*='
  if [[ -z "\${found[1]}" ]]; then
    _files
    return
  fi
  found=("\${(@)found//:/\\\\:}")
  found=("\${(@)found/$'\\t'/:}")
  _describe latentkit found
}
compdef _latentkit latentkit
`,
  fish: `# latentkit: completion for fish. latentkit completion fish > ~/.config/fish/completions/latentkit.fish
function __latentkit_complete
    set -l words (commandline -opc)
    set -l found (latentkit complete -- $words[2..-1] "$(commandline -ct)" 2>/dev/null)
    set -l flag (string match -r -- '^--[\\w-]+=' "$(commandline -ct)")
    for line in $found
        echo -- "$flag$line"
    end
end
complete -c latentkit -a '(__latentkit_complete)'
`,
  powershell: `# latentkit: completion for PowerShell. In $PROFILE: latentkit completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName latentkit -ScriptBlock {
  param($word, $ast, $position)
  $words = @($ast.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } | Select-Object -Skip 1 | ForEach-Object { "$_" })
  latentkit complete '--' @words "$word" 2>$null | ForEach-Object {
    $value, $description = $_ -split "\`t", 2
    $text = if ($word -match '^--[\\w-]+=') { $Matches[0] + $value } else { $value }
    [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $(if ($description) { $description } else { $value }))
  }
}
`,
};
