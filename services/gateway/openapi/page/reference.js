// Shows /openapi.json with Swagger UI, and joins it with the page around it: its menu, its colours, and event streams.

/** How long a try-out shows what an event stream sends: the viewer displays an answer only when it is complete. */
const STREAM_MS = 10_000;

const darkColours = matchMedia('(prefers-color-scheme: dark)');
const applyColours = () => document.documentElement.classList.toggle('dark-mode', darkColours.matches);
darkColours.addEventListener('change', applyColours);
applyColours();

// A link may name an operation by its id alone: /docs#createSession.
const linked = document.querySelector(`[data-operation="${CSS.escape(location.hash.slice(1))}"]`);
if (linked) history.replaceState(null, '', linked.hash);

/** The browser's own way leaves room for the bar at the top of a phone. */
const scrollIntoView = () => ({
  statePlugins: { layout: { wrapActions: { scrollToElement: () => (element) => element.scrollIntoView() } } },
});

const ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  filter: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  showExtensions: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  validatorUrl: null,
  plugins: [scrollIntoView],
  requestInterceptor: (request) => {
    if (!request.loadSpec) request.userFetch = fetchComplete;
    return request;
  },
  responseInterceptor: (response) => {
    if (response.ok && response.obj?.success) carryOver(response.obj.data ?? {});
    return response;
  },
});
addEventListener('hashchange', openLinked);

/** The viewer follows `#/Sessions/createSession` when it starts; the menu changes the address later. */
function openLinked() {
  const [, tag, operation] = decodeURIComponent(location.hash).split('/');
  if (!tag) return;
  ui.layoutActions.show(['operations-tag', tag], true);
  if (operation) ui.layoutActions.show(['operations', tag, operation], true);
  const id = operation ? `operations-${tag}-${operation}` : `operations-tag-${tag}`;
  requestAnimationFrame(() => document.getElementById(id)?.scrollIntoView());
}

/** A fetch whose answer ends: an event stream is cut off after a time, and answered with what has arrived. */
async function fetchComplete(url, options) {
  const response = await fetch(url, options);
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const timer = setTimeout(() => reader.cancel(), STREAM_MS);
  let text = '';
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  clearTimeout(timer);
  return new Response(text, response);
}

/** What an answer names is what the next request is about: it goes into the parameters and the bodies of every operation. */
function carryOver({ session_id: session, task_id: task, lease_token: lease }) {
  const values = { session_id: session, session, task_id: task, lease_token: lease, 'X-Lease-Token': lease };
  const { paths } = ui.specSelectors.specJson().toJS();
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods)) {
      carryIntoParameters([path, method], operation, values);
      carryIntoBody([path, method], operation, values);
    }
}

/** The form of an operation that was opened before keeps its values by the parameter itself, any other by its name. */
function carryIntoParameters(pathMethod, { parameters = [] }, values) {
  const opened = ui.specSelectors.specResolvedSubtree(['paths', ...pathMethod])?.get('parameters');
  for (const { name, in: place, example } of parameters) {
    if (!values[name] || example === undefined) continue;
    const parameter = opened?.find((each) => each.get('name') === name && each.get('in') === place);
    if (parameter) ui.specActions.changeParamByIdentity(pathMethod, parameter, values[name], false);
    else ui.specActions.changeParam(pathMethod, name, place, values[name], false);
  }
}

function carryIntoBody(pathMethod, { requestBody }, values) {
  const example = requestBody?.content['application/json'].example;
  if (example === undefined) return;
  const body = ui.oas3Selectors.requestBodyValue(...pathMethod) ?? JSON.stringify(example, null, 2);
  const value = body.replaceAll(/"(\w+)": "[^"]*"/g, (field, name) =>
    values[name] ? `"${name}": ${JSON.stringify(values[name])}` : field,
  );
  if (value !== body) ui.oas3Actions.setRequestBodyValue({ value, pathMethod });
}
