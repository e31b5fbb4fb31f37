[(string_scalar) (double_quote_scalar) (single_quote_scalar) (block_scalar)] @string
[(integer_scalar) (float_scalar)] @number
[(boolean_scalar) (null_scalar)] @constant
(escape_sequence) @constant
(comment) @comment
[(anchor_name) (alias_name) (tag)] @function
(block_mapping_pair key: (flow_node) @type)
(block_mapping_pair key: (flow_node (plain_scalar (string_scalar) @type)))
(block_mapping_pair key: (flow_node [(double_quote_scalar) (single_quote_scalar)] @type))
(flow_mapping (flow_pair key: (flow_node (plain_scalar (string_scalar) @type))))
[(yaml_directive) (tag_directive) (reserved_directive)] @keyword
["," "-" ":" ">" "?" "|" "[" "]" "{" "}" "*" "&" "---" "..."] @operator
