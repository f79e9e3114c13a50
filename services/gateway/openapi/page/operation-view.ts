import type { OpenApi, Operation, Parameter, Response, Schema } from '../openapi-types.ts';
import { Html, html } from './html.ts';
import { inline, paragraphs } from './inline-text.ts';
import { codeBlock, markdown } from './markdown.ts';
import {
  curlCommand,
  isStreamOperation,
  type LocatedOperation,
  parametersOf,
  requestBodyOf,
  responsesOf,
  sampleRequestOf,
} from './sample-request.ts';
import { fieldsTable, limitsText, typeView } from './schema-view.ts';

/** The page's script puts its own origin in this one's place. */
export const SAMPLE_ORIGIN = 'http://127.0.0.1:8000';

/** One operation: what it does, takes and answers, a command to copy, and a form to try it. */
export function operationView(located: LocatedOperation, document: OpenApi): Html {
  const { method, path, operation } = located;
  const sample = sampleRequestOf(located, document);
  const curl = curlCommand(sample, SAMPLE_ORIGIN, isStreamOperation(operation));
  return html`<section class="operation" id="${operation.operationId}" data-search="${searchText(located)}">
<h3><span class="method ${method.toLowerCase()}">${method}</span> <code>${path}</code></h3>
<p class="summary">${inline(operation.summary)}.</p>
${paragraphs(operation.description ?? '')}
${scopesView(operation)}
${parametersView(parametersOf(operation, document))}
${bodyView(operation, document)}
<h4>Example</h4>
${new Html(codeBlock(curl, 'bash'))}
${exampleAnswer(operation)}
${tryView(located, sample.body, document)}
<h4>Answers</h4>
${responsesOf(operation, document).map(([status, response]) => responseView(status, response))}
</section>`;
}

function searchText({ method, path, operation }: LocatedOperation): string {
  const { operationId, summary, description = '' } = operation;
  return [method, path, operationId, summary, description].join(' ').toLowerCase();
}

function scopesView({ 'x-scopes': scopes }: Operation): Html | undefined {
  if (!scopes) return undefined;
  return html`<p class="scopes">An API key needs one of: ${scopes.map((scope) => html`<code>${scope}</code> `)}</p>`;
}

function parametersView(parameters: readonly Parameter[]): Html | undefined {
  if (parameters.length === 0) return undefined;
  const rows = parameters.map(
    ({ name, in: place, required, schema, description }) => html`<tr>
<th scope="row"><code>${name}</code>${required ? html` <em>required</em>` : undefined}</th>
<td>${place}</td><td>${typeView(schema)}</td><td>${inline(description)} <small>${limitsText(schema)}</small></td></tr>`,
  );
  return html`<h4>Parameters</h4><table><tbody>${rows}</tbody></table>`;
}

function bodyView(operation: Operation, document: OpenApi): Html | undefined {
  const body = requestBodyOf(operation);
  if (!body) return undefined;
  return html`<h4>Body</h4>${fieldsTable(body.schema, document, { request: true })}`;
}

function exampleAnswer({ responses }: Operation): Html | undefined {
  const success = responses[200];
  const example = success && 'content' in success ? success.content?.['application/json']?.example : undefined;
  return example === undefined ? undefined : new Html(codeBlock(JSON.stringify(example, null, 2), 'json'));
}

function responseView(status: string, response: Response): Html {
  const text = markdown(response.description, () => undefined);
  return html`<div class="response"><h5>${status}</h5><div>${text}${dataView(status, response)}</div></div>`;
}

/** What a success carries; every error has the same shape. */
function dataView(status: string, { content = {} }: Response): Html | undefined {
  if (!status.startsWith('2')) return undefined;
  const [[type, { schema }] = ['', { schema: {} as Schema }]] = Object.entries(content);
  const data = [schema, ...(schema.oneOf ?? [])].flatMap((each) => each.properties?.data ?? []);
  if (data.length === 0) return html`<p><small>${type}</small> ${typeView(schema)}</p>`;
  return html`<p><small>${type}</small> <code>data</code>: ${data.map((each) => html`${typeView(each)} `)}</p>`;
}

function tryView({ method, path, operation }: LocatedOperation, body: unknown, document: OpenApi): Html {
  const inputs = parametersOf(operation, document).map(({ name, in: place, example }) => {
    const value = example === undefined ? '' : [example].flat().join(',');
    return html`<label><span>${name} <small>${place}</small></span><input name="${name}" data-in="${place}" value="${value}"></label>`;
  });
  const text = body === undefined ? undefined : JSON.stringify(body, null, 2);
  return html`<details class="try"><summary>Try it here</summary>
<form data-method="${method}" data-path="${path}" data-stream="${isStreamOperation(operation) ? 'yes' : 'no'}">
${inputs}
${text === undefined ? undefined : html`<label><span>body</span><textarea name="body" rows="8" spellcheck="false">${text}</textarea></label>`}
<button type="submit">Send</button><button type="button" class="stop" hidden>Stop</button>
<pre class="answer" aria-live="polite"></pre>
</form></details>`;
}
