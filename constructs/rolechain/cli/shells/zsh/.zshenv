# The subshell of `rolechain exec`: gives the user's own folder back, and sets the target before the prompt that it makes.
if [[ -n $ROLECHAIN_ZDOTDIR ]]; then ZDOTDIR=$ROLECHAIN_ZDOTDIR; else unset ZDOTDIR; fi
unset ROLECHAIN_ZDOTDIR
[[ -f ${ZDOTDIR:-$HOME}/.zshenv ]] && . ${ZDOTDIR:-$HOME}/.zshenv
_rolechain_prompt() {
    PROMPT="($ROLECHAIN_TARGET) $PROMPT"
    precmd_functions=(${precmd_functions:#_rolechain_prompt})
}
precmd_functions+=(_rolechain_prompt)
