import type { OpenApi } from '../openapi-types.ts';
import { html } from './html.ts';
import { type GuideLink, page } from './layout.ts';
import { operationsOf } from './operations.ts';
import type { PageAssets } from './page-assets.ts';

/** The page on which the viewer shows `/openapi.json`; its menu lists the operations without a script too. */
export function referencePage(document: OpenApi, guides: readonly GuideLink[], assets: PageAssets): string {
  const byTag = Map.groupBy(operationsOf(document), ({ operation }) => operation.tags[0] ?? '');
  const menu = document.tags.map(
    ({ name }) =>
      html`<h2><a href="#/${name}">${name}</a></h2><ul>${(byTag.get(name) ?? []).map(
        ({ method, path, operation: { operationId, summary } }) =>
          html`<li><a href="#/${name}/${operationId}" data-operation="${operationId}" title="${summary}"><span class="method ${method.toLowerCase()}">${method}</span> ${path}</a></li>`,
      )}</ul>`,
  );
  return page({
    title: `${document.info.title} ${document.info.version}`,
    language: 'en',
    assets,
    styles: ['swagger-ui.css', 'reference.css'],
    scripts: ['swagger-ui-bundle.js', 'reference.js'],
    guides,
    menu: html`${menu}`,
    main: html`<div id="reference"><noscript>The reference needs JavaScript. The same is in <a href="/openapi.json">the OpenAPI document</a> and, for the most part, in <a href="/docs/guides/api">the guide to the API</a>.</noscript></div>`,
  });
}
