# bash completion for estiba: the program itself says what can follow.
_estiba() {
  local words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  mapfile -t COMPREPLY < <(estiba __complete "${words[@]}" 2>/dev/null)
  # Names of images have colons, at which bash splits words.
  if declare -F __ltrim_colon_completions >/dev/null; then
    __ltrim_colon_completions "${COMP_WORDS[COMP_CWORD]}"
  fi
}
complete -o default -F _estiba estiba
