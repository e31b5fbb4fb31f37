"""What functions-framework serves: the same echo as everywhere."""

import flask
import functions_framework


@functions_framework.http
def echo(request: flask.Request) -> object:
    return request.get_json()
