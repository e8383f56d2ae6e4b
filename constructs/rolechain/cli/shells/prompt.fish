# The subshell of `rolechain exec`: the target stands before the user's own prompt.
functions --copy fish_prompt _rolechain_prompt
function fish_prompt
    echo -n "($ROLECHAIN_TARGET) "
    _rolechain_prompt
end
