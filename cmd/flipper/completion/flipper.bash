# Completion of flipper in bash 3.2 or later: source <(flipper completion bash)

_flipper() {
	local line=${COMP_LINE:0:COMP_POINT} current candidate word cut
	local -a words
	read -ra words <<<"$line"
	# A line that ends in white space is about to get another word.
	case $line in *[[:space:]]) words+=("") ;; esac
	current=${words[${#words[@]} - 1]}
	# Bash replaces only what follows the last of its word breaks, such as ":".
	cut=
	word=${COMP_WORDS[COMP_CWORD]}
	case $word in ":" | "=") word= ;; esac
	case $current in *"$word") cut=${current%"$word"} ;; esac
	COMPREPLY=()
	while IFS=$'\t' read -r candidate _; do
		candidate=${candidate#"$cut"}
		[[ $candidate ]] || continue # it is there already
		printf -v candidate %q "$candidate"
		COMPREPLY+=("$candidate")
	done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
}

complete -o default -F _flipper flipper
