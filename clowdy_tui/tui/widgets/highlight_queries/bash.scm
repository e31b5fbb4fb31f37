[(word) (variable_name)] @variable
(command_name) @function
(function_definition name: (word) @function)
[(string) (raw_string) (ansi_c_string) (heredoc_body) (heredoc_start) (heredoc_end)] @string
[(expansion) (simple_expansion)] @constant
(command_substitution) @variable
(command_substitution ["$(" ")"] @operator)
[(number) (file_descriptor)] @number
(comment) @comment
["case" "do" "done" "elif" "else" "esac" "export" "fi" "for" "function" "if" "in" "select" "then" "unset" "until"
 "while" "declare" "local" "readonly" "typeset"] @keyword
["&&" "||" ">" ">>" "<" "<<" "|" "=" "!" ";" "&"] @operator
