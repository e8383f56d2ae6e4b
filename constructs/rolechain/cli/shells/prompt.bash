# The subshell of `rolechain exec`: the user's own, with the target before its prompt.
[ -f ~/.bashrc ] && . ~/.bashrc
PS1="($ROLECHAIN_TARGET) $PS1"
