; Later patterns win over earlier ones on the same node, inner nodes over outer ones.

(identifier) @variable
(property_identifier) @variable
(shorthand_property_identifier) @variable
((identifier) @type (#match? @type "^[A-Z][A-Za-z0-9_]*[a-z]"))
((identifier) @constant (#match? @constant "^_*[A-Z][A-Z0-9_]*$"))
(call_expression function: (identifier) @function)
(call_expression function: (member_expression property: (property_identifier) @function))
(new_expression constructor: (identifier) @type)
(function_declaration name: (identifier) @function)
(generator_function_declaration name: (identifier) @function)
(function_expression name: (identifier) @function)
(method_definition name: (property_identifier) @function)
(class_declaration name: (identifier) @type)

[(this) (super)] @constant
[(true) (false) (null) (undefined)] @constant
(number) @number
[(string) (template_string) (regex)] @string
(escape_sequence) @constant
(template_substitution) @variable
(template_substitution ["${" "}"] @operator)
(comment) @comment

["=" "+" "-" "*" "/" "%" "**" "==" "!=" "===" "!==" "<" "<=" ">" ">=" "&&" "||" "??" "!" "~" "&" "|" "^" "<<" ">>" ">>>"
 "=>" "..." "++" "--" "+=" "-=" "*=" "/=" "%=" "&&=" "||=" "??="] @operator

["as" "async" "await" "break" "case" "catch" "class" "const" "continue" "debugger" "default" "delete" "do" "else"
 "export" "extends" "finally" "for" "from" "function" "get" "if" "import" "in" "instanceof" "let" "new" "of" "return"
 "set" "static" "switch" "throw" "try" "typeof" "var" "void" "while" "with" "yield"] @keyword

(optional_chain) @operator
(MISSING) @error
