(tag_name) @type
(erroneous_end_tag_name) @error
(doctype) @keyword
(attribute_name) @function
[(attribute_value) (quoted_attribute_value)] @string
(entity) @constant
(comment) @comment
["<" ">" "</" "/>" "="] @operator
