# fish completion for estiba: the program itself says what can follow.
function __estiba_complete
    set -l words (commandline -opc) (commandline -ct)
    estiba __complete $words[2..-1] 2>/dev/null
end
complete -c estiba -a '(__estiba_complete)'
