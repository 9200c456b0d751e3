#compdef flipper
# Completion of flipper in zsh: source <(flipper completion zsh)

_flipper() {
	local value description
	local -a values descriptions
	while IFS=$'\t' read -r value description; do
		values+=("$value")
		descriptions+=("$value${description:+  -- $description}")
	done < <("${words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)
	if (( ${#values} )); then
		compadd -l -d descriptions -a values
	else
		_files
	fi
}

if [ "$funcstack[1]" = "_flipper" ]; then
	_flipper
else
	compdef _flipper flipper
fi
