# bash completion for estiba: the program itself says what can follow.

# Readline splits words at ':' and '=', estiba does not: joins in `words` what stands without a blank between, up to
# the cursor.
_estiba_words() {
  local line=${COMP_LINE:0:COMP_POINT} i word
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    ((i == COMP_CWORD)) && word=${line#"${line%%[![:blank:]]*}"}
    if ((i > 0)) && [[ $line != [[:blank:]]* ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
    line=${line#"${line%%[![:blank:]]*}"}
    line=${line#"$word"}
  done
}

_estiba() {
  local words breaks='' kept=''
  _estiba_words
  mapfile -t COMPREPLY < <(estiba __complete "${words[@]:1}" 2>/dev/null)
  # Readline replaces only what stands behind the last character at which it splits.
  [[ $COMP_WORDBREAKS == *:* ]] && breaks+=:
  [[ $COMP_WORDBREAKS == *=* ]] && breaks+==
  [[ -n $breaks ]] && kept=${words[-1]%"${words[-1]##*[$breaks]}"}
  COMPREPLY=("${COMPREPLY[@]#"$kept"}")
}
complete -o default -F _estiba estiba
