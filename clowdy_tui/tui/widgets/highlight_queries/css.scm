[(tag_name) (nesting_selector) (universal_selector)] @type
[(class_name) (id_name) (namespace_name) (attribute_name)] @function
(pseudo_class_selector (class_name) @function)
[(property_name) (feature_name)] @variable
[(plain_value) (keyframes_name)] @constant
(function_name) @function
[(integer_value) (float_value)] @number
(unit) @number
(color_value) @number
(string_value) @string
(comment) @comment
[(at_keyword) (important) "@charset" "@import" "@keyframes" "@media" "@namespace" "@supports" "and" "not" "only" "or"
 (to) (from)] @keyword
[">" "~" "+" "-" "*" "/" "=" "^=" "|=" "~=" "$=" "*=" ":" ";" "," "{" "}"] @operator
