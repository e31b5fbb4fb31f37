"""The panes in the centre that are no file: a project's routes, variables, settings, …, each a tab beside the files.

**How one opens.** Each kind has a line in `kinds.PANES`. From that come its node in the project tree, its entries in
the palette and its action. Choosing any of them posts `PlaceChosen(Place("<kind>", project_id))`; `PaneKeeper`
(the app's handlers) makes the pane, mounts it as a tab of `EditorTabs`, and starts what fetches its data.

**How one is written.** One file `panes/<kind>.py` with a class on `pane.ProjectPane`:

- `compose_pane()` yields what is in it. Lists are `widgets.table.Table`: columns that share the width, rows of content.
- `fetch(client, place)` is the only I/O: a worker's body that returns the pane's data, or raises ApiError or
  GatewayGone. It is called when the pane is opened, on reload, after one of the kind's `events`, and on `refetch()`.
- `take(data)` draws what `fetch` returned; `redraw()` draws what is in the screen's state. Until there is data the pane
  shows that it loads, then what went wrong, all by itself.
- `say(head, *lines)` takes the place of the contents: the empty state, with what to press. `tell_facts(…)` is the head.
- `chose(place)` says what its cursor is on. From then on the actions mean that: `item.delete` deletes the route under
  the pane's cursor as it does in the tree, `function.run` runs the function that the route leads to.

Changes are made as everywhere: an action of the registry, a dialog in `flows`, a message with what came of it. An
action's keys inside a pane are its `local` keys: `Action(…, local={"variables": ("a",)})`. The footer's keys are in
`actions.FOOTER` by the kind, the help's sentence is the kind's `about`. `escape` goes back to the tree.
"""
