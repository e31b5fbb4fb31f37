[(bare_key) (quoted_key)] @variable
(table [(bare_key) (dotted_key) (quoted_key)] @type)
(table_array_element [(bare_key) (dotted_key) (quoted_key)] @type)
(table (dotted_key [(bare_key) (quoted_key)] @type))
(table_array_element (dotted_key [(bare_key) (quoted_key)] @type))
(string) @string
(escape_sequence) @constant
[(integer) (float)] @number
[(boolean) (offset_date_time) (local_date_time) (local_date) (local_time)] @constant
(comment) @comment
["." "," "=" "[" "]" "[[" "]]" "{" "}"] @operator
