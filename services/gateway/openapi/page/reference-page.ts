import type { OpenApi } from '../openapi-types.ts';
import { type Html, html } from './html.ts';
import { inline, paragraphs } from './inline-text.ts';
import { type GuideLink, page } from './layout.ts';
import { markdown } from './markdown.ts';
import { operationView } from './operation-view.ts';
import { type LocatedOperation, operationsOf } from './sample-request.ts';
import { schemaView } from './schema-view.ts';

/** The whole reference as one page. */
export function referencePage(document: OpenApi, guides: readonly GuideLink[]): string {
  const byTag = Map.groupBy(operationsOf(document), ({ operation }) => operation.tags[0] ?? '');
  const groups = document.tags.map(({ name, description }) => ({ name, description, located: byTag.get(name) ?? [] }));
  const schemas = Object.keys(document.components.schemas);
  return page({
    title: `${document.info.title} ${document.info.version}`,
    guides,
    menu: menuView(groups, schemas),
    main: html`<h1>${document.info.title} <small>${document.info.version}</small></h1>
<p><a href="/openapi.json">OpenAPI ${document.openapi}</a> · <a href="/health">health</a> · <a href="/metrics">metrics</a></p>
<label class="key"><span>API key for “Try it here”, kept in this page only</span><input id="api-key" type="password" autocomplete="off"></label>
${markdown(document.info.description, () => undefined)}
${groups.map(
  ({
    name,
    description,
    located,
  }) => html`<section class="tag" id="tag-${name}"><h2>${name}</h2>${paragraphs(description)}
${located.map((each) => operationView(each, document))}</section>`,
)}
<section id="errors"><h2>Errors</h2>${errorsView(document)}</section>
<section id="schemas"><h2>Schemas</h2>${schemas.map((name) => schemaView(name, document))}</section>`,
  });
}

function menuView(
  groups: readonly { readonly name: string; readonly located: readonly LocatedOperation[] }[],
  schemas: readonly string[],
): Html {
  const operations = groups.map(
    ({ name, located }) =>
      html`<h2><a href="#tag-${name}">${name}</a></h2><ul>${located.map(
        ({ method, path, operation }) =>
          html`<li data-for="${operation.operationId}"><a href="#${operation.operationId}"><span class="method ${method.toLowerCase()}">${method}</span> ${path}</a></li>`,
      )}</ul>`,
  );
  return html`<label class="search"><span>Search</span><input id="search" type="search" placeholder="takeover, lease, /api/tasks…"></label>
${operations}
<h2><a href="#errors">Errors</a></h2>
<h2><a href="#schemas">Schemas</a></h2>
<ul>${schemas.map((name) => html`<li><a href="#schema-${name}">${name}</a></li>`)}</ul>`;
}

function errorsView({ components }: OpenApi): Html {
  const reasons = components.schemas.ErrorCode?.['x-reasons'] ?? {};
  const rows = Object.entries(reasons).map(
    ([
      code,
      { status, meaning, data },
    ]) => html`<tr id="error-${code}"><td>${status}</td><th scope="row"><code>${code}</code></th>
<td>${inline(meaning)}</td><td>${data.map((name) => html`<code>${name}</code> `)}</td></tr>`,
  );
  return html`<table><thead><tr><th>status</th><th>error_code</th><th>meaning</th><th>data</th></tr></thead><tbody>${rows}</tbody></table>`;
}
