# Completion of flipper in fish: flipper completion fish | source

function __flipper_complete
    set -l words (commandline -opc)
    $words[1] __complete $words[2..] (commandline -ct) 2>/dev/null
end

complete -c flipper -e
complete -c flipper -f -a '(__flipper_complete)'
complete -c flipper -n 'test (count (__flipper_complete)) -eq 0' -F
