; Later patterns win over earlier ones on the same node, inner nodes over outer ones. Patterns stay local: only the
; visible lines are asked for, and a pattern that hangs on a far ancestor would be slow or half seen.

(identifier) @variable
((identifier) @type (#match? @type "^_*[A-Z][A-Za-z0-9_]*[a-z]"))
((identifier) @constant (#match? @constant "^_*[A-Z][A-Z0-9_]*$"))
((identifier) @constant (#any-of? @constant "self" "cls" "__name__" "__file__" "__doc__"))
((identifier) @type
 (#any-of? @type "bool" "int" "float" "complex" "list" "tuple" "str" "bytes" "bytearray" "memoryview" "set" "frozenset"
  "dict" "object" "type"))

(call function: (identifier) @function)
(call function: (attribute attribute: (identifier) @function))
((call function: (identifier) @type (#match? @type "^_*[A-Z]")))
((call function: (attribute attribute: (identifier) @type) (#match? @type "^_*[A-Z]")))
((call function: (identifier) @type
 (#any-of? @type "bool" "int" "float" "complex" "list" "tuple" "str" "bytes" "bytearray" "set" "frozenset" "dict")))
(function_definition name: (identifier) @function)
(class_definition name: (identifier) @type)
(type (identifier) @type)
(decorator (identifier) @function)
(decorator (attribute attribute: (identifier) @function))
(decorator (call function: (identifier) @function))
(decorator (call function: (attribute attribute: (identifier) @function)))
(keyword_argument name: (identifier) @variable)

[(none) (true) (false) (ellipsis)] @constant
[(integer) (float)] @number
(string) @string
(escape_sequence) @constant
(interpolation) @variable
(interpolation ["{" "}"] @operator)
(format_specifier) @constant
(comment) @comment

["-" "-=" ":=" "!=" "*" "**" "**=" "*=" "/" "//" "//=" "/=" "&" "&=" "%" "%=" "^" "^=" "+" "+=" "<" "<<" "<<=" "<=" "<>"
 "=" "==" ">" ">=" ">>" ">>=" "@" "@=" "|" "|=" "~" "->"] @operator

["and" "as" "assert" "async" "await" "break" "case" "class" "continue" "def" "del" "elif" "else" "except" "finally" "for"
 "from" "global" "if" "import" "in" "is" "lambda" "match" "nonlocal" "not" "or" "pass" "raise" "return" "try" "while"
 "with" "yield"] @keyword

(MISSING) @error

(decorator "@" @function)

; While the text is broken, what is being typed is not yet a definition, but its name can be told all the same.
("def" . (identifier) @function)
("class" . (identifier) @type)
