# fish completion for estiba: the program itself says what can follow; files where it says nothing.
function __estiba_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (estiba __complete $words[2..-1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c estiba -f -a '(__estiba_complete)'
